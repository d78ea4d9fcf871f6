// The record of the review: whether it is intact, and what happened when.

import { el } from "../dom.js";
import { shortTime } from "../format.js";
import { status } from "../marks.js";
import { recordUrl } from "./review_api.js";

const KINDS = { draft: "Draft", edit: "Edited", sign: "Signed", reopen: "Reopened" };

export function renderRecord(studyId, { entries, intact, problem }) {
  const box = document.getElementById("report-record");
  box.hidden = entries.length === 0;
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  box.querySelector("summary").replaceChildren(
    intact ? status("done", `Record intact, ${count}`) : status("failed", `Record not intact: ${problem}`),
  );
  box.querySelector("[data-part=entries]").replaceChildren(...runs(entries).map(line));
  box.querySelector("[data-part=download]").href = recordUrl(studyId);
}

/** Edits of one author in a row become one line. */
function runs(entries) {
  const grouped = [];
  for (const entry of entries) {
    const run = grouped.at(-1);
    if (run && run[0].kind === "edit" && entry.kind === "edit" && run[0].author === entry.author) run.push(entry);
    else grouped.push([entry]);
  }
  return grouped;
}

function line(run) {
  const [first, last] = [run[0], run.at(-1)];
  const times = first === last ? shortTime(first.time) : `${shortTime(first.time)} to ${shortTime(last.time)}, ${run.length} times`;
  const by = first.author ? `by ${first.author}` : "no name given";
  const words = [`${KINDS[first.kind]} ${by}`, times, `version ${first.version}`, first.reason && `reason: ${first.reason}`];
  return el("li", { value: first.number }, words.filter(Boolean).join(", "));
}
