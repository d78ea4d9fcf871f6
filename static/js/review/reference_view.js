// The report that a radiologist wrote on a sample, beside ours.

import { el } from "../dom.js";
import { SECTIONS } from "./review_api.js";

/** reference may be missing; true where it is shown. */
export function renderReference(box, reference) {
  const report = reference?.report;
  box.hidden = !report;
  if (!report) return false;
  box.querySelector("[data-part=body]").replaceChildren(
    ...SECTIONS.filter(([key]) => report[key]).map(([key, title]) => el("section", {}, el("h4", {}, title), el("p", { class: "plain-text" }, report[key]))),
  );
  box.querySelector("[data-part=source]").textContent = [reference.source && `Source: ${reference.source}.`, "Not seen by the model."].filter(Boolean).join(" ");
  return true;
}
