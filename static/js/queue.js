// The order in which photos go up: one after the other, again after a break, at once when the network is back.

import { drop, keep, waits } from "./kept.js";
import { giveUp, sendOnce } from "./sending.js";

const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A photo that the server asks to begin again so often is not going to arrive. */
const MOST_BEGINNINGS = 3;

/** Wait, but not longer than until the network is back. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done, { once: true });
  });
}

const isOver = (entry) => ["cancelled", "arrived", "refused"].includes(entry.state);

export class Queue {
  /**
   * @param {string} token what proves to the server that it is this page that sends
   * @param {object} view told of each change: `progress(entry)`, `changed(entry)`, `summary(queue)`
   */
  constructor(token, view) {
    this.token = token;
    this.view = view;
    this.entries = [];
    this.network = "there";
    this.running = false;
  }

  /** Add a photo that `kept.js` holds. */
  add(photo) {
    const entry = { photo, state: "waiting", share: 0, beginnings: 0, misses: 0, sentence: "" };
    this.entries.push(entry);
    this.view.changed(entry);
    return entry;
  }

  /** Send what waits. Only one page of a browser does at a time; the others take over when it is closed. */
  async run() {
    if (this.running) return;
    this.running = true;
    try {
      await this.#alone(() => this.#drain());
    } finally {
      this.running = false;
      this.view.summary(this);
    }
    // Added when the last look at the queue was over and `running` still said that somebody looks. Not after an error:
    // it would come again without end.
    if (this.#next()) await this.run();
  }

  /** Let a photo that failed be tried again. */
  retry(entry) {
    Object.assign(entry, { state: "waiting", share: 0, beginnings: 0, misses: 0, sentence: "" });
    this.view.changed(entry);
    return this.run();
  }

  /** Take a photo back that has not arrived; if it has meanwhile, say so. */
  async cancel(entry) {
    entry.state = "cancelled";
    entry.stop?.();
    const given = giveUp(entry.photo, this.token);
    await drop(entry.photo);
    this.#tell(entry);
    const arrived = await given;
    if (!arrived) return;
    Object.assign(entry, { state: "arrived", share: 1, ...arrived });
    this.#tell(entry);
  }

  count(...states) {
    return this.entries.filter((entry) => states.includes(entry.state)).length;
  }

  #tell(entry) {
    this.view.changed(entry);
    this.view.summary(this);
  }

  async #alone(work) {
    let begun = false;
    const locked = () => {
      begun = true;
      return work();
    };
    try {
      await navigator.locks.request("rollcall-uploads", locked);
    } catch (error) {
      // No locks in this browser, or not for this page: then two pages may do the same work, and the server bears that.
      if (begun) throw error;
      await work();
    }
  }

  async #drain() {
    let failures = 0;
    for (let entry = this.#next(); entry; entry = this.#next()) {
      const before = entry.share;
      const outcome = await this.#try(entry);
      const wait = await this.#settle(entry, outcome);
      failures = wait === null || entry.share > before ? 0 : failures + 1;
      this.#tell(entry);
      if (wait !== null) await pause(Math.min(Math.max(wait, PAUSES_MS[Math.min(failures, 5)]), LONGEST_PAUSE_MS));
    }
  }

  /** The oldest, but whatever the server stumbled over comes after the others: it would hold them up for a day. */
  #next() {
    const open = this.entries.filter((entry) => entry.state === "waiting");
    return open.sort((one, other) => one.misses - other.misses)[0];
  }

  async #try(entry) {
    if (!(await waits(entry.photo))) return { kind: "elsewhere" };
    if (entry.state !== "waiting") return { kind: "stopped" };
    entry.state = "sending";
    this.#tell(entry);
    const { result, stop } = sendOnce(entry.photo, {
      token: this.token,
      onAddress: (address) => this.#note(entry, address),
      onProgress: (share) => {
        entry.share = share;
        if (this.network !== "there") {
          this.network = "there";
          this.view.summary(this);
        }
        this.view.progress(entry);
      },
    });
    entry.stop = stop;
    return result;
  }

  /** Write down what became of a try; gives how many milliseconds to wait, or null to go on. */
  async #settle(entry, { kind, isNew, seconds, sentence }) {
    if (isOver(entry)) return null;
    this.network = kind === "offline" ? "away" : "there";
    entry.sentence = sentence ?? "";
    if (kind === "offline" || kind === "later") {
      entry.state = "waiting";
      if (kind === "later" && !seconds) entry.misses += 1;
      return (seconds ?? 0) * 1000;
    }
    if (kind === "again" && ++entry.beginnings < MOST_BEGINNINGS) {
      Object.assign(entry, { state: "waiting", share: 0, sentence: "" });
      await this.#note(entry, null);
      return null;
    }
    entry.state = kind;
    if (kind === "arrived") Object.assign(entry, { share: 1, isNew });
    // What signing in or reopening the session can mend stays; another photo of the same bytes would fail again.
    if (kind === "arrived" || kind === "refused") await drop(entry.photo);
    return null;
  }

  async #note(entry, address) {
    if (entry.photo.address === address) return;
    entry.photo.address = address;
    // Cancelled before the server had told the address: it would count what nobody sends any more for a day.
    if (entry.state === "cancelled") return giveUp(entry.photo, this.token);
    // Cancelled, or through, during the look: written down again, it would be there for good.
    if ((await waits(entry.photo)) && !isOver(entry)) await keep(entry.photo);
  }
}
