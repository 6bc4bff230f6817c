// What every page shares: notices for failed requests, copy buttons, dialogs that ask first.

import { notify } from "./notices.js";

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  } else if (xhr.status === 409) {
    event.detail.isError = false;
  } else if (xhr.status >= 400) {
    notify(document.documentElement.dataset.failed || "That did not work. Reload the page and try again.");
  }
});
document.addEventListener("htmx:sendError", () => notify("No connection to the server. Nothing was lost: try again."));

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  const source = document.getElementById(copy.dataset.copy);
  source.select?.();
  try {
    await navigator.clipboard.writeText(source.value);
  } catch {
    document.execCommand("copy");
  }
  copy.textContent = copy.dataset.done;
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    document.getElementById(opener.dataset.opens)?.showModal();
    event.preventDefault();
    return;
  }
  if (event.target.closest("[data-closes]")) {
    event.target.closest("dialog")?.close();
    event.preventDefault();
  }
});

// A file input that sends its form as soon as something was chosen, or was before this script was there to hear of it.
function sendChosen(input) {
  if (!input.files?.length) return;
  input.form.requestSubmit();
  // The form's data is collected by now. A page that is gone back to may hold its file again: it must not go twice.
  input.value = "";
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-sends]")) sendChosen(event.target);
});
document.querySelectorAll("[data-sends]").forEach(sendChosen);

// Class photos that still wait in this browser: they go on from any page, and nobody who signs out leaves them behind.
const WAITING = "rollcall-photos-waiting";
const LAST_USER = "rollcall-last-user";
const FORGET_MS = 2000;

function photosMayWait() {
  try {
    return localStorage.getItem(WAITING) === "1";
  } catch {
    return false;
  }
}

function isAnotherPerson(user) {
  try {
    const before = localStorage.getItem(LAST_USER);
    localStorage.setItem(LAST_USER, user);
    return before !== user;
  } catch {
    return true;
  }
}

if (document.body.dataset.user && isAnotherPerson(document.body.dataset.user)) {
  import("./kept.js").then(({ forgetOthers }) => forgetOthers(document.body.dataset.user)).catch(() => {});
}

if (photosMayWait() && document.body.dataset.user && !document.getElementById("upload")) {
  const { user, sent, network } = document.body.dataset;
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  import("./resume.js").then(({ resume }) => resume({ user, token, sent, network }));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-signs-out]")) return;
  event.preventDefault();
  const forgotten = import("./kept.js").then(({ forgetAll }) => forgetAll()).catch(() => {});
  await Promise.race([forgotten, new Promise((resolve) => setTimeout(resolve, FORGET_MS))]);
  form.submit();
});
