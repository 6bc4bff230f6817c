// The page of unknown faces: its crops, drawn again after each answer.

import { drawFaces } from "./sheets.js";

drawFaces();
document.addEventListener("htmx:afterSettle", drawFaces);
