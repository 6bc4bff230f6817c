// Boxes, faces and register rows light each other up; a tap on a face opens its window.

import { drawFaces } from "./sheets.js";

let reviewing = false;
let unfolded = false;

const panel = () => document.getElementById("panel");

function light(source, on) {
  const selectors = [];
  if (source.dataset.face) selectors.push(`[data-face="${source.dataset.face}"]`);
  if (source.dataset.student) selectors.push(`[data-student="${source.dataset.student}"]`);
  for (const twin of document.querySelectorAll(selectors.join(",") || "none")) twin.classList.toggle("lit", on);
}

/** On a phone the faces that need no look stay folded, unless somebody unfolded them. */
function foldKnown() {
  if (!matchMedia("(max-width: 1023px)").matches || unfolded) return;
  for (const known of document.querySelectorAll("[data-known]")) known.open = false;
}

/** Open the window of one face. */
export function openFace(link) {
  const address = link.getAttribute("href");
  htmx.ajax("GET", address, { target: "#panel-body", swap: "innerHTML" }).then(() => {
    if (!panel().open) panel().showModal();
    panel().querySelector(".choices button, select, button")?.focus();
  });
}

/** Open the first face that the teacher should look at; say whether there was one. */
export function openNextUnsure() {
  const next = document.querySelector(".face[data-open]");
  if (next) openFace(next);
  return Boolean(next);
}

/** Narrow a list of names to those with the typed letters, and choose the first. */
function filterNames(input) {
  const select = document.getElementById(input.dataset.filters);
  const wanted = input.value.trim().toLocaleLowerCase();
  let first = "";
  for (const option of select.options) {
    const fits = option.value !== "" && option.text.toLocaleLowerCase().includes(wanted);
    option.hidden = wanted !== "" && !fits;
    option.disabled = option.hidden;
    if (wanted !== "" && fits && first === "") first = option.value;
  }
  select.value = first;
}

/** Wire the page up once; everything is delegated, so that swapped parts work too. */
export function startReview() {
  const show = () => {
    foldKnown();
    drawFaces();
  };
  show();
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("click", (event) => {
    const face = event.target.closest("a[data-face]");
    if (face && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      reviewing = face.matches("[data-open], .uncertain");
      openFace(face);
    }
    if (event.target.closest("[data-known] summary")) unfolded = true;
    const zoom = event.target.closest("[data-zooms]");
    if (zoom) {
      const on = zoom.closest(".photo").classList.toggle("zoomed");
      zoom.setAttribute("aria-pressed", String(on));
    }
  });
  for (const [kind, on] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]]) {
    document.addEventListener(kind, (event) => {
      const source = event.target.closest?.("[data-face], [data-student]");
      if (source) light(source, on);
    });
  }
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-filters]")) filterNames(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches?.("[data-filters]")) return;
    event.preventDefault();
    event.target.form.querySelector('[value="STUDENT"]').click();
  });
  document.body.addEventListener("faces-decided", () => {
    if (!panel()?.open) return;
    if (reviewing && openNextUnsure()) return;
    panel().close();
    document.getElementById("review-title")?.focus();
  });
}
