// The report as it is printed: the text that stands with its state, whatever the screen shows.

import { el } from "../dom.js";
import { localTime } from "../format.js";
import { written } from "./review_api.js";

export function renderPrint(review, reports, shown) {
  const report = reports.reviewer ?? reports[shown];
  const text = { technique: report.technique, view: report.view, ...written(report) };
  document.getElementById("report-print").replaceChildren(
    el("h2", {}, "Report"),
    el("p", { class: "print-state" }, state(review)),
    ...Object.entries(text).filter(([, words]) => words).map(([key, words]) =>
      el("section", {}, el("h3", {}, key[0].toUpperCase() + key.slice(1)), el("p", { class: "plain-text" }, words))),
  );
}

function state({ state: name, version, signed_by: by, signed_at: at }) {
  if (name === "signed") return `Signed by ${by}, ${localTime(at)}, version ${version}`;
  return name === "edited" ? `Edited, not signed, version ${version}` : "Draft, not reviewed";
}
