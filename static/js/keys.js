// Single keys for the register. They can be switched off, and never act while somebody types.

import { openNextUnsure } from "./review.js";

const STORE = "rollcall-keys-off";
const rows = () => [...document.querySelectorAll("#marks .mark")];

function switchedOff() {
  try {
    return localStorage.getItem(STORE) === "1";
  } catch {
    return false;
  }
}

function currentRow() {
  return document.activeElement?.closest?.("#marks .mark");
}

function focusRow(row, key = "P") {
  row?.querySelector(`.pl.${key}`)?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = rows();
  const now = currentRow();
  const index = now ? all.indexOf(now) + step : 0;
  focusRow(all[Math.max(0, Math.min(all.length - 1, index))]);
}

function setMark(letter) {
  const row = currentRow();
  if (!row) return focusRow(rows()[0]);
  const next = row.nextElementSibling;
  const button = row.querySelector(`.pl.${letter}`);
  if (button.getAttribute("aria-pressed") !== "true") button.click();
  return focusRow(next, letter);
}

function inPanel(event, panel) {
  const number = panel.querySelector(`[data-key="${event.key}"]`);
  if (!number) return false;
  number.click();
  return true;
}

function act(event) {
  const panel = document.querySelector("dialog[open]");
  if (panel) return panel.id === "panel" && inPanel(event, panel);
  const letter = event.key.toUpperCase();
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if ("PLEA".includes(letter) && letter.length === 1) setMark(letter);
  else if (letter === "U") document.getElementById("undo")?.click();
  else if (event.key === "Enter" && !document.activeElement?.matches("a, button, summary, [role=button]")) return openNextUnsure();
  else if (event.key === "?") document.getElementById("keys")?.showModal();
  else return false;
  return true;
}

/** Listen for keys, and remember whether they are wanted. */
export function startKeys() {
  const box = document.getElementById("keys-off");
  if (box) {
    box.checked = switchedOff();
    box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "1" : "0"));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input, select, textarea, [contenteditable]")) return;
    if (switchedOff() && event.key !== "?") return;
    if (act(event)) event.preventDefault();
  });
}
