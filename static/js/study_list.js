// "Studies on this server": the list below the drop area.

import { deleteStudy, listStudies, studyPage } from "./api.js";
import { confirmDelete } from "./confirm_delete.js";
import { announce, el } from "./dom.js";
import { decisionCounts, label, localTime } from "./format.js";
import { status } from "./marks.js";

const REFRESH_MS = 3000;

export class StudyList {
  #container;
  #count;
  #table;
  #timer = null;

  /** table is the link to the findings of all studies, hidden while none is done. */
  constructor(container, count, table) {
    this.#container = container;
    this.#count = count;
    this.#table = table;
  }

  async refresh() {
    clearTimeout(this.#timer);
    let studies;
    try {
      studies = await listStudies();
    } catch (error) {
      this.#showError(error.message);
      return;
    }
    this.#render(studies);
    const unfinished = studies.some((study) => study.status === "queued" || study.status === "running");
    if (unfinished) this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  #render(studies) {
    // The list is rebuilt at each refresh; a keyboard user keeps the place.
    const focusKey = this.#container.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#container.setAttribute("aria-busy", "false");
    this.#count.textContent = studies.length ? `${studies.length} shown, newest first` : "";
    this.#table.hidden = !studies.some((study) => study.status === "done");
    this.#container.replaceChildren(studies.length ? el("ul", { class: "study-items" }, ...studies.map((study) => this.#item(study))) : emptyState());
    if (focusKey) this.#container.querySelector(`[data-key="${CSS.escape(focusKey)}"]`)?.focus();
  }

  #item(study) {
    return el(
      "li",
      { class: "study-item", data: { studyId: study.id } },
      el(
        "div",
        { class: "study-name" },
        el("a", { href: studyPage(study.id), data: { key: `name-${study.id}` } }, study.filename),
        el("time", { datetime: study.created }, localTime(study.created)),
      ),
      status(study.status),
      summary(study),
      el(
        "div",
        { class: "study-actions" },
        el("a", { class: "button button-small", href: studyPage(study.id), "aria-label": `Open ${study.filename}`, data: { key: `open-${study.id}` } }, "Open"),
        el(
          "button",
          { class: "button button-small button-danger", type: "button", "aria-label": `Delete ${study.filename}`, data: { key: `delete-${study.id}`, testid: "delete-study" }, onclick: () => this.#delete(study) },
          "Delete",
        ),
      ),
    );
  }

  async #delete(study) {
    if (!(await confirmDelete(study.filename, study.review))) return;
    try {
      await deleteStudy(study.id);
      announce(`${study.filename} was deleted.`);
    } catch (error) {
      // Gone already is what was wanted.
      if (error.status !== 404) {
        this.#showError(error.message);
        return;
      }
    }
    await this.refresh();
    document.getElementById("studies-title").focus();
  }

  #showError(message) {
    this.#container.setAttribute("aria-busy", "false");
    this.#container.replaceChildren(
      el(
        "div",
        { class: "study-list-error", role: "alert" },
        el("p", { class: "error-text" }, message),
        el("button", { class: "button button-small", type: "button", onclick: () => this.refresh() }, "Load the list again"),
      ),
    );
  }
}

function summary(study) {
  if (study.status !== "done") return el("div", { class: "study-summary" });
  return el(
    "div",
    { class: "study-summary" },
    decisionCounts(study.n_present, study.n_possible),
    study.top.length ? el("span", { class: "hint" }, presentNames(study)) : null,
  );
}

function presentNames(study) {
  const more = study.n_present > study.top.length ? " and more" : "";
  return `Present: ${study.top.map(label).join(", ")}${more}`;
}

function emptyState() {
  return el(
    "div",
    { class: "empty" },
    el("p", {}, "No studies yet"),
    el("p", { class: "hint" }, "A radiograph that you upload appears here with its findings, until you delete it."),
  );
}
