// Photos on their way to the server, kept in this browser's own database until they have arrived: a day at most.
// Class photos are personal data: they are nobody else's who uses this browser, and signing out removes them all.

import "../vendor/idb-keyval/idb-keyval.js";

const { clear, createStore, del, entries, get, set } = globalThis.idbKeyval;
const store = createStore("rollcall-uploads", "photos");
const DAY_MS = 24 * 3600 * 1000;
/** Tells `app.js` on every page that there is something to look for, without opening the database each time. */
const SIGN = "rollcall-photos-waiting";
/** Where the database is not to be had (some private windows), photos live as long as the page. */
const onThisPageOnly = new Set();
/** A database that does not answer, as Safari's has been known not to, holds no photo back for longer. */
const PATIENCE_MS = 3000;

/** Tells this browser's other pages that somebody signs out: what they hold must not come back. */
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("rollcall-uploads") : null;
let isSignedOut = false;
channel?.addEventListener("message", () => {
  isSignedOut = true;
  onThisPageOnly.clear();
});

const keyOf = (photo) => `${photo.user}/${photo.session}/${photo.id}`;

function sign(waiting) {
  try {
    if (waiting) localStorage.setItem(SIGN, "1");
    else localStorage.removeItem(SIGN);
  } catch {
    // Without it only this page goes on by itself.
  }
}

function answered(promise) {
  const silence = (resolve, reject) => setTimeout(() => reject(new Error("the database does not answer")), PATIENCE_MS);
  return Promise.race([promise, new Promise(silence)]);
}

/** Whether somebody has signed out since this page was loaded: nothing is kept here any more. */
export const isOver = () => isSignedOut;

/** Keep a photo, or what has become known about it. */
export async function keep(photo) {
  if (isSignedOut) return;
  try {
    await answered(set(keyOf(photo), photo, store));
    onThisPageOnly.delete(photo.id);
    sign(true);
  } catch {
    onThisPageOnly.add(photo.id);
  }
}

/** Whether a photo still waits: another page of this browser may have sent it, or the person has signed out. */
export async function waits(photo) {
  if (onThisPageOnly.has(photo.id)) return true;
  try {
    return (await answered(get(keyOf(photo), store))) !== undefined;
  } catch {
    return true;
  }
}

/** Forget a photo. */
export async function drop(photo) {
  onThisPageOnly.delete(photo.id);
  try {
    await answered(del(keyOf(photo), store));
  } catch {
    // It was never there.
  }
}

/** Give this person's photos, oldest first, of one session or of all; whoever's photo is a day old is forgotten. */
export async function waiting(user, session = null) {
  try {
    const all = await answered(entries(store));
    const old = all.filter(([, photo]) => Date.now() - photo.addedAt > DAY_MS);
    await Promise.all(old.map(([key]) => del(key, store)));
    sign(all.length > old.length);
    return all
      .map(([, photo]) => photo)
      .filter((photo) => Date.now() - photo.addedAt <= DAY_MS && photo.user === user)
      .filter((photo) => session === null || photo.session === session)
      .sort((one, other) => one.addedAt - other.addedAt);
  } catch {
    return [];
  }
}

/** Forget what others left here who did not sign out, before this person's page could look at it. */
export async function forgetOthers(user) {
  const all = await entries(store);
  await Promise.all(all.filter(([, photo]) => photo.user !== user).map(([key]) => del(key, store)));
}

/** Forget every photo in this browser, on every page of it. */
export async function forgetAll() {
  isSignedOut = true;
  channel?.postMessage("signed out");
  onThisPageOnly.clear();
  await clear(store);
  sign(false);
}
