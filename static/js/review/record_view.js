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
  const [from, to] = [shortTime(first.time), shortTime(last.time)];
  const times = [from === to ? from : `${from} to ${to}`, run.length > 1 && `${run.length} times`];
  const words = [first.author ? `${KINDS[first.kind]} by ${first.author}` : `${KINDS[first.kind]}, no name given`, ...times, `version ${first.version}`, first.reason && `reason: ${first.reason}`];
  return el("li", { value: first.number }, words.filter(Boolean).join(", "));
}
