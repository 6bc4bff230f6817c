// One try to send one photo, in parts, by the tus protocol: from where the server stands, to the end or to what is in the way.

import "../vendor/tus/tus.min.js";

/** Small enough that a bad minute costs little, large enough that a good network is not kept waiting. */
const PART_BYTES = 512 * 1024;
/** A network that has gone without a word: nothing moves for so long. */
const STALLED_MS = 30_000;
/** Refusals that the same photo meets again, whenever it comes. */
const ABOUT_THE_PICTURE = new Set([400, 413, 415, 422]);
const LONGEST_NAME = 80;
const TUS_VERSION = "1.0.0";

function problemOf(response) {
  try {
    return JSON.parse(response.getBody());
  } catch {
    return {};
  }
}

/** What an error means for the photo: `offline`, `later`, `again`, `signed-out`, `closed` or `refused`. */
function meaning(error) {
  const response = error.originalResponse;
  if (!response || !response.getStatus()) return { kind: "offline" };
  const status = response.getStatus();
  const seconds = Number(response.getHeader("Retry-After")) || 0;
  // A login page of the Wi-Fi, a filter, a proxy whose site restarts: whoever speaks here, the photo is none of its business.
  if (response.getHeader("Tus-Resumable") !== TUS_VERSION) return { kind: "offline", seconds };
  const { code, detail } = problemOf(response);
  if (status === 404 || status === 410) {
    // The session is gone, or only this upload: then it begins again.
    return error.originalRequest.getMethod() === "POST" ? { kind: "refused", sentence: detail } : { kind: "again" };
  }
  if (status === 401 || status === 403) return { kind: "signed-out" };
  if (code === "session-closed" || status === 507) return { kind: "closed", sentence: detail };
  // Damaged on its way, and forgotten by the server: the photo itself may be sound.
  if (status === 460) return { kind: "again", sentence: detail };
  if (ABOUT_THE_PICTURE.has(status)) return { kind: "refused", sentence: detail };
  return { kind: "later", seconds, sentence: seconds ? detail : undefined };
}

/**
 * Send a photo from where the server stands.
 *
 * Gives `stop` and a promise of what became of it: `arrived` (with `isNew`), `stopped`, or one of `meaning`'s.
 * `onAddress` is told the address of the upload, which is what a later try goes on with; after `stop` too, if
 * the upload was being created then.
 */
export function sendOnce(photo, { token, onProgress, onAddress }) {
  const isBeginning = !photo.address;
  let stalled;
  let stopped = false;
  let abandoned = false;
  let finish;
  const result = new Promise((resolve) => (finish = resolve));
  const end = (outcome) => {
    clearTimeout(stalled);
    finish(outcome);
  };
  const moved = () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => {
      abandoned = true;
      halt();
      end({ kind: "offline" });
    }, STALLED_MS);
  };
  // The server may create an upload though the request is aborted, and then nobody would learn its address.
  const halt = () => {
    if (!isBeginning || upload.url) upload.abort();
  };
  const metadata = { filename: (photo.name || "photo").slice(0, LONGEST_NAME) };
  if (photo.sha256) metadata.sha256 = photo.sha256;
  const upload = new globalThis.tus.Upload(photo.file, {
    // Only one of the two: with both, the client would begin anew after any error of the server, and lose what is there.
    ...(isBeginning ? { endpoint: photo.endpoint } : { uploadUrl: photo.address }),
    metadata,
    chunkSize: PART_BYTES,
    headers: { "X-CSRFToken": token },
    retryDelays: null, // when to try again is decided for all photos together
    storeFingerprintForResuming: false,
    fingerprint: () => Promise.resolve(null),
    onUploadUrlAvailable: () => {
      if (stopped || abandoned) upload.abort();
      // Another try may have begun by now: this one would be counted against the person for a day.
      if (abandoned && isBeginning) giveUp({ address: upload.url }, token);
      else onAddress(upload.url);
    },
    onProgress: (sent, all) => {
      moved();
      onProgress(sent / all);
    },
    onChunkComplete: moved,
    onSuccess: ({ lastResponse }) => {
      const isNew = lastResponse.getHeader("Rollcall-Photo-New") !== "false";
      end({ kind: "arrived", isNew });
    },
    onError: (error) => end(meaning(error)),
  });
  moved();
  upload.start();
  const stop = () => {
    stopped = true;
    halt();
    end({ kind: "stopped" });
  };
  return { result, stop };
}

/**
 * Tell the server that a photo will not come; if it does not hear of it, it forgets by itself within a day.
 *
 * Gives null, or, where the photo had come already, `isNew` and the server's sentence.
 */
export async function giveUp(photo, token) {
  if (!photo.address) return null;
  const headers = { "Tus-Resumable": TUS_VERSION, "X-CSRFToken": token };
  try {
    const answer = await fetch(photo.address, { method: "DELETE", headers, keepalive: true });
    if (!answer.headers.has("Rollcall-Photo")) return null;
    return { isNew: answer.headers.get("Rollcall-Photo-New") !== "false", sentence: (await answer.json()).detail };
  } catch {
    return null;
  }
}

/** The hash of a file, where the browser may compute one (https, or this machine). */
export async function sha256Of(buffer) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
