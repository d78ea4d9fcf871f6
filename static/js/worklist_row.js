// One line of the worklist. Only cells whose content changes are written again.

import { studyPage } from "./api.js";
import { el } from "./dom.js";
import { label, localTime, percent, seconds } from "./format.js";
import { status } from "./marks.js";

const REVIEW = { draft: ["queued", "Draft"], edited: ["running", "Edited"], signed: ["done", "Signed"] };

export class WorklistRow {
  #cells = {};
  #shown = {};
  #checkbox;
  #delete;

  constructor(study, { onSelect, onDelete }) {
    this.study = study;
    this.link = el("a", { href: studyPage(study.id), data: { testid: "open-study" } }, study.filename);
    this.#checkbox = el("input", { type: "checkbox", "aria-label": `Select ${study.filename}`, onchange: () => {
      this.#showSelected();
      onSelect();
    } });
    this.#delete = el("button", { class: "button button-small button-danger", type: "button", "aria-label": `Delete ${study.filename}`, data: { testid: "delete-study" }, onclick: () => onDelete(this.study) }, "Delete");
    for (const name of ["arrived", "state", "urgency", "calls", "time", "review"]) this.#cells[name] = el("td", { role: "cell", class: `cell-${name}` });
    this.element = el(
      "tr",
      { role: "row", data: { studyId: study.id, row: "", testid: "study-row" } },
      el("td", { role: "cell", class: "cell-select" }, this.#checkbox),
      el("th", { role: "rowheader", scope: "row", class: "cell-name" }, this.link),
      ...Object.values(this.#cells),
      el("td", { role: "cell", class: "cell-actions" }, this.#delete),
    );
    this.setCurrent(false);
  }

  get isSelected() {
    return this.#checkbox.checked;
  }

  set isSelected(isSelected) {
    this.#checkbox.checked = isSelected;
    this.#showSelected();
  }

  setCurrent(isCurrent) {
    this.element.classList.toggle("is-current", isCurrent);
    for (const node of [this.link, this.#checkbox, this.#delete]) node.tabIndex = isCurrent ? 0 : -1;
  }

  update(study) {
    this.study = study;
    this.#show("arrived", study.created, () => [el("time", { datetime: study.created }, localTime(study.created))]);
    this.#show("state", [study.status, study.progress, study.error], () => stateOf(study));
    this.#show("urgency", study.urgency, () => urgencyOf(study.urgency));
    this.#show("calls", [study.status, study.findings], () => (study.status === "done" ? callsOf(study.findings) : []));
    this.#show("time", study.timing_ms.total, () => (study.timing_ms.total === null ? [] : [seconds(study.timing_ms.total)]));
    this.#show("review", study.review ?? null, () => reviewOf(study.review));
  }

  #show(name, value, build) {
    const text = JSON.stringify(value);
    if (this.#shown[name] === text) return;
    this.#shown[name] = text;
    this.#cells[name].replaceChildren(...build());
  }

  #showSelected() {
    this.element.classList.toggle("is-selected", this.#checkbox.checked);
  }
}

function stateOf(study) {
  if (study.status === "running") return [status("running", `Analysing, ${percent(study.progress)}`)];
  if (study.status === "failed") return [status("failed"), el("span", { class: "hint" }, study.error?.message ?? "")];
  return [status(study.status)];
}

function urgencyOf(urgency) {
  if (!urgency) return [];
  const reasons = urgency.because.map((item) => `${label(item.name)}${item.decision === "possible" ? " possible" : ""}`);
  const mark = status(urgency.level);
  mark.title = urgency.sentence;
  return [mark, reasons.length ? el("span", { class: "hint", title: urgency.sentence }, reasons.slice(0, 3).join(", ")) : null].filter(Boolean);
}

function callsOf(findings) {
  if (findings.length === 0) return [el("span", { class: "hint" }, "None present or possible")];
  return ["present", "possible"].flatMap((decision) => {
    const names = findings.filter((finding) => finding.decision === decision).map((finding) => label(finding.name));
    return names.length ? [el("div", { class: "calls" }, status(decision), el("span", {}, names.join(", ")))] : [];
  });
}

function reviewOf(review) {
  if (!review) return [];
  const [mark, word] = REVIEW[review.state];
  const by = review.state === "signed" && review.signed_by ? el("span", { class: "hint" }, review.signed_by) : null;
  return [status(mark, word), by].filter(Boolean);
}
