// One place for sentences to the person. Its own module: it may be imported from anywhere without running twice.

const notices = document.getElementById("notices");

/** Show one sentence where screen readers hear it. */
export function notify(sentence, kind = "error") {
  if (!notices) return;
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  if (kind === "error") box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = sentence;
  box.append(text);
  notices.replaceChildren(box);
  box.scrollIntoView({ block: "nearest" });
}
