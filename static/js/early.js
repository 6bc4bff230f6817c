// Runs before the first paint: what only works with scripts shows only then.
document.documentElement.className = "js";
