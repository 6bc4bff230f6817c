// On every page but the session's own: photos that still wait in this browser go on by themselves.

import { waiting } from "./kept.js";
import { Queue } from "./queue.js";

class OneLine {
  constructor(words) {
    this.words = words;
    this.line = document.createElement("p");
    this.line.className = "sending-line";
    this.line.setAttribute("role", "status");
  }

  changed() {}

  progress() {}

  summary(queue) {
    const open = queue.count("waiting", "sending");
    const all = queue.entries.length - queue.count("cancelled", "elsewhere");
    const words = this.words.sent.replace("{sent}", queue.count("arrived")).replace("{all}", all);
    let text = open && queue.network === "away" ? `${words}, ${this.words.network}` : words;
    const told = queue.entries.find((entry) => entry.state !== "arrived" && entry.sentence);
    if (told) text += `. ${told.sentence}`;
    if (this.line.textContent !== text) this.line.textContent = text;
    if (!this.line.isConnected) document.getElementById("main").prepend(this.line);
  }
}

/** Go on with this person's photos of all sessions. */
export async function resume({ user, token, sent, network }) {
  const photos = await waiting(user);
  if (!photos.length) return;
  const queue = new Queue(token, new OneLine({ sent, network }));
  for (const photo of photos) queue.add(photo);
  await queue.run();
}
