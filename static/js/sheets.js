// Faces drawn from their photo's sheet: one request a photo, however many of its faces a page shows.

const FACE_PX = 96;
const COLUMNS = 8;
const sheets = new Map();

async function loadSheet(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return createImageBitmap(await answer.blob());
}

/** Draw each face of the page from its photo's sheet, which is fetched once however often a part is swapped. */
export function drawFaces() {
  for (const canvas of document.querySelectorAll("canvas[data-sheet]")) {
    const { sheet, place } = canvas.dataset;
    if (!sheets.has(sheet)) sheets.set(sheet, loadSheet(sheet));
    sheets.get(sheet).then((bitmap) => {
      const [column, row] = [place % COLUMNS, Math.floor(place / COLUMNS)];
      canvas.getContext("2d").drawImage(bitmap, column * FACE_PX, row * FACE_PX, FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
    }).catch(() => sheets.delete(sheet));
  }
}
