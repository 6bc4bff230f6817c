// Photos go up one by one, each with its own bar; a lost connection can be tried again without a second copy.

import { notify } from "./notices.js";

const ACCEPTED = /^image\/(jpeg|png|webp|heic|heif)$|^$/;

function line(form, file) {
  const item = document.createElement("li");
  const picture = document.createElement("img");
  picture.alt = "";
  picture.src = URL.createObjectURL(file);
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
  picture.addEventListener("error", () => picture.removeAttribute("src"), { once: true });
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = file.name || "photo";
  const state = document.createElement("span");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `${form.dataset.sending} ${name.textContent}`);
  state.append(bar);
  item.append(picture, name, state);
  return { item, state, bar };
}

function failed(form, file, key, parts, sentence) {
  const text = document.createElement("span");
  text.className = "tag bad";
  text.textContent = `! ${sentence}`;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "small plain";
  again.textContent = form.dataset.retry;
  again.addEventListener("click", () => {
    parts.state.replaceChildren(parts.bar);
    parts.bar.value = 0;
    send(form, file, key, parts);
  });
  parts.state.replaceChildren(text, " ", again);
}

function arrived(form, parts, answer) {
  const text = document.createElement("span");
  const created = answer.created?.[0];
  text.className = created ? "tag wait" : "tag";
  text.textContent = created ? `✓ ${form.dataset.queued}` : form.dataset.known;
  parts.state.replaceChildren(text);
  htmx.trigger(document.body, "photos-added");
  setTimeout(() => parts.item.remove(), created ? 4000 : 8000);
}

function send(form, file, key, parts) {
  return new Promise((resolve) => {
    const body = new FormData();
    body.append("photos", file, file.name || "photo.jpg");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) parts.bar.value = event.loaded / event.total;
    });
    request.addEventListener("load", () => {
      if (request.status < 300) arrived(form, parts, request.response ?? {});
      else failed(form, file, key, parts, request.response?.detail ?? form.dataset.failed);
      resolve();
    });
    request.addEventListener("error", () => {
      failed(form, file, key, parts, form.dataset.failed);
      resolve();
    });
    request.send(body);
  });
}

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sendAll(form, files) {
  const list = document.getElementById("uploads");
  const photos = [...files].filter((file) => ACCEPTED.test(file.type));
  if (!photos.length && files.length) notify("Only photos: JPEG, PNG, WebP or HEIC.");
  const waiting = photos.map((file) => ({ file, key: newKey(), parts: line(form, file) }));
  list.hidden = false;
  list.append(...waiting.map(({ parts }) => parts.item));
  for (const { file, key, parts } of waiting) await send(form, file, key, parts);
}

/** Take photos from camera, files, drop and paste. */
export function startUploads(form) {
  if (!form) return;
  form.addEventListener("change", (event) => {
    sendAll(form, [...event.target.files]);
    event.target.value = "";
  });
  for (const kind of ["dragover", "dragenter"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    sendAll(form, event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) sendAll(form, event.clipboardData.files);
  });
}
