// Runs before the first paint: what only works with scripts shows only then.
document.documentElement.className = "js";
// On a bad network a script may not come: then the page works as it does without.
addEventListener("error", ({ target }) => {
  if (target.src?.startsWith(location.origin) && target.matches("script")) document.documentElement.className = "no-js";
}, true);
