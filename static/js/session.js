// The session page: one module a concern.

import { startUploads } from "./uploads.js";
import { startReview } from "./review.js";
import { startKeys } from "./keys.js";

startUploads(document.getElementById("upload"));
startReview();
startKeys();
