// The state of a report and of its saving, as mark and words.

import { shortTime } from "../format.js";
import { status } from "../marks.js";

/** Of a review; null while it is being loaded. */
export function stateMark(review) {
  if (review === null) return status("queued", "Draft");
  const version = review.version > 1 ? `, version ${review.version}` : "";
  if (review.state === "signed") return status("done", `Signed by ${review.signed_by}, ${shortTime(review.signed_at)}${version}`);
  return review.state === "edited" ? status("running", `Edited, not signed${version}`) : status("queued", "Draft, not reviewed");
}

/** detail: the time of saving, whether this browser keeps the text, or why it was refused. */
export function savingMark(name, detail) {
  const words = {
    untouched: ["queued", "Nothing is changed yet"],
    pending: ["queued", "Not saved yet"],
    saving: ["running", "Saving"],
    saved: ["done", detail && `Saved ${shortTime(detail)}`],
    away: ["failed", `Not saved yet: the server cannot be reached; ${detail ? "kept in this browser" : "this browser cannot keep it either, do not close the page"}`],
    refused: ["failed", `Not saved: ${detail}`],
    conflict: ["failed", "Not saved: the report was changed elsewhere; your text is kept in this browser"],
  };
  return status(...words[name]);
}
