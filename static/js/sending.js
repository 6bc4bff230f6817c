// One try to send one photo, in parts, by the tus protocol: from where the server stands, to the end or to what is in the way.

import "../vendor/tus/tus.min.js";

/** Small enough that a bad minute costs little, large enough that a good network is not kept waiting. */
const PART_BYTES = 512 * 1024;
/** A network that has gone without a word: nothing moves for so long. */
const STALLED_MS = 30_000;
/** Refusals that the same photo meets again, whenever it comes. */
const ABOUT_THE_PICTURE = new Set([400, 413, 415, 422]);
const LONGEST_NAME = 80;

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
  const { code, detail } = problemOf(response);
  const seconds = Number(response.getHeader("Retry-After")) || 0;
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
  let stalled;
  let stopped = false;
  let finish;
  const result = new Promise((resolve) => (finish = resolve));
  const end = (outcome) => {
    clearTimeout(stalled);
    finish(outcome);
  };
  const moved = () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => {
      upload.abort();
      end({ kind: "offline" });
    }, STALLED_MS);
  };
  const metadata = { filename: (photo.name || "photo").slice(0, LONGEST_NAME) };
  if (photo.sha256) metadata.sha256 = photo.sha256;
  const upload = new globalThis.tus.Upload(photo.file, {
    // Only one of the two: with both, the client would begin anew after any error of the server, and lose what is there.
    ...(photo.address ? { uploadUrl: photo.address } : { endpoint: photo.endpoint }),
    metadata,
    chunkSize: PART_BYTES,
    headers: { "X-CSRFToken": token },
    retryDelays: null, // when to try again is decided for all photos together
    storeFingerprintForResuming: false,
    fingerprint: () => Promise.resolve(null),
    onUploadUrlAvailable: () => {
      if (stopped) upload.abort();
      onAddress(upload.url);
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
    // The server may create an upload though the request is aborted, and then nobody would learn its address.
    if (photo.address || upload.url) upload.abort();
    end({ kind: "stopped" });
  };
  return { result, stop };
}

/** Tell the server that a photo will not come; if it does not hear of it, it forgets by itself within a day. */
export function giveUp(photo, token) {
  if (!photo.address) return;
  const headers = { "Tus-Resumable": "1.0.0", "X-CSRFToken": token };
  fetch(photo.address, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

/** The hash of a file, where the browser may compute one (https, or this machine). */
export async function sha256Of(buffer) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
