// The photos of the session page: chosen, kept, sent, each with its own line.

import { isOver, keep, waiting } from "./kept.js";
import { notify } from "./notices.js";
import { Queue } from "./queue.js";
import { sha256Of } from "./sending.js";

const ACCEPTED = /^image\/(jpeg|png|webp|heic|heif)$|^$/;

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(text, about, act) {
  const made = element("button", "small plain", text);
  made.type = "button";
  made.append(element("span", "visually-hidden", ` ${about}`));
  made.addEventListener("click", act);
  return made;
}

/** Let the page show what has come. A list that is just being fetched anew would not hear of it. */
function showPhotos() {
  if (document.querySelector("#photos.htmx-request")) setTimeout(showPhotos, 100);
  else htmx.trigger(document.body, "photos-added");
}

/** The lines below the form. */
class Lines {
  constructor(form) {
    this.words = form.dataset;
    this.list = form.querySelector("#uploads");
    this.line = form.querySelector("#uploads-state");
    this.items = new Map();
  }

  changed(entry) {
    if (entry.state === "cancelled" || entry.state === "elsewhere") return this.#remove(entry, 0);
    const { item, bar, state } = this.#item(entry);
    if (entry.state === "waiting" || entry.state === "sending") {
      state.replaceChildren(bar, this.#takeBack(entry, this.words.cancel));
      this.progress(entry);
    } else if (entry.state === "arrived") {
      const text = entry.isNew ? `✓ ${this.words.queued}` : this.words.known;
      const tag = element("span", entry.isNew ? "tag wait" : "tag", text);
      state.replaceChildren(tag, element("span", "", entry.sentence));
      showPhotos();
      this.#remove(entry, entry.isNew && !entry.sentence ? 4000 : 8000);
    } else {
      const sentence = entry.state === "signed-out" ? this.words.signedOut : entry.sentence || this.words.failed;
      state.replaceChildren(element("span", "problem", `! ${sentence}`), ...this.#waysOn(entry));
    }
    item.dataset.state = entry.state;
  }

  progress(entry) {
    this.#item(entry).bar.value = entry.share;
  }

  /** One line for all: how many have arrived, and what the others wait for. */
  summary(queue) {
    const all = queue.entries.length - queue.count("cancelled", "elsewhere");
    const sent = queue.count("arrived");
    const open = queue.count("waiting", "sending");
    let text = this.words.sent.replace("{sent}", sent).replace("{all}", all);
    if (open && queue.network === "away") text += `, ${this.words.network}`;
    const told = queue.entries.find((entry) => entry.state === "waiting" && entry.sentence);
    if (told) text += `. ${told.sentence}`;
    const show = all > 0 && (open > 0 || sent > 0);
    if (!show) text = "";
    if (this.line.textContent !== text) this.line.textContent = text;
    this.line.classList.toggle("away", open > 0 && queue.network === "away");
  }

  #takeBack(entry, word) {
    return button(word, entry.photo.name, () => this.queue.cancel(entry));
  }

  #waysOn(entry) {
    // A refused photo is not kept any more: there would be nothing to send.
    if (entry.state === "refused") return [this.#takeBack(entry, this.words.remove)];
    const { name } = entry.photo;
    // This page's token is of no use any more, whoever signs in: a new page has the right one, and the photo.
    const isOut = entry.state === "signed-out";
    const again = isOut
      ? button(this.words.reload, name, () => location.reload())
      : button(this.words.retry, name, () => this.queue.retry(entry));
    return [again, this.#takeBack(entry, this.words.cancel)];
  }

  #item(entry) {
    const known = this.items.get(entry);
    if (known) return known;
    const item = document.createElement("li");
    const picture = document.createElement("img");
    picture.alt = "";
    picture.src = URL.createObjectURL(entry.photo.file);
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
    picture.addEventListener("error", () => picture.removeAttribute("src"), { once: true });
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", `${this.words.sending} ${entry.photo.name}`);
    const state = element("span", "state");
    item.append(picture, element("span", "name", entry.photo.name), state);
    this.list.hidden = false;
    this.list.append(item);
    const made = { item, bar, state };
    this.items.set(entry, made);
    return made;
  }

  #remove(entry, milliseconds) {
    const { item } = this.items.get(entry) ?? {};
    if (!item) return;
    const { state } = entry;
    setTimeout(() => {
      if (entry.state !== state) return; // what was cancelled had arrived: its line says so
      item.remove();
      this.items.delete(entry);
      this.list.hidden = !this.list.children.length;
    }, milliseconds);
  }
}

/** Put a chosen file where a reload cannot lose it. The bytes are read once: a phone may take the file itself away. */
async function keptPhoto(form, file) {
  const buffer = await file.arrayBuffer();
  const photo = {
    id: newId(),
    user: form.dataset.user,
    session: form.dataset.session,
    endpoint: form.dataset.parts,
    name: file.name || "photo.jpg",
    file: new Blob([buffer], { type: file.type }),
    sha256: await sha256Of(buffer),
    address: null,
    addedAt: Date.now(),
  };
  await keep(photo);
  return photo;
}

/** Take photos from camera, files, drop and paste, and go on with those that a reload or a lost network left behind. */
export async function startUploads(form) {
  if (!form) return;
  const lines = new Lines(form);
  const queue = new Queue(form.elements.csrfmiddlewaretoken.value, lines);
  lines.queue = queue;
  const take = async (files) => {
    const photos = [...files].filter((file) => ACCEPTED.test(file.type));
    if (!photos.length && files.length) notify(form.dataset.only);
    if (photos.length && isOver()) return notify(form.dataset.left);
    for (const file of photos) {
      try {
        queue.add(await keptPhoto(form, file));
        lines.summary(queue);
        queue.run();
      } catch {
        notify(form.dataset.unreadable);
      }
    }
  };
  listen(form, take);
  for (const photo of await waiting(form.dataset.user, form.dataset.session)) queue.add(photo);
  if (queue.entries.length) queue.run();
}

function listen(form, take) {
  const takeFrom = (input) => {
    const files = [...input.files];
    input.value = "";
    take(files);
  };
  form.addEventListener("change", (event) => takeFrom(event.target));
  for (const kind of ["dragover", "dragenter"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
  // Chosen before this script was there to hear of it.
  for (const input of form.querySelectorAll("input[type=file]")) takeFrom(input);
}
