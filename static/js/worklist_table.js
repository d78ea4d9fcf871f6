// The table of the worklist. Rows are kept from one answer to the next, so that focus and selection stay where they are.

import { announce, el } from "./dom.js";
import { WorklistRow } from "./worklist_row.js";

const COLUMNS = [
  ["name", "File"],
  ["arrived", "Arrived"],
  ["state", "State"],
  ["urgency", "Urgency"],
  ["calls", "Findings called"],
  ["time", "Time taken"],
  ["review", "Review"],
  ["actions", ""],
];

export class WorklistTable {
  #container;
  #onSelect;
  #onDelete;
  #rows = new Map();
  #all = el("input", { type: "checkbox", "aria-label": "Select all on this page", data: { testid: "select-all" } });
  #body = el("tbody", { role: "rowgroup" });
  #table;

  constructor(container, { onSelect, onDelete }) {
    this.#container = container;
    this.#onSelect = onSelect;
    this.#onDelete = onDelete;
    this.#all.addEventListener("change", () => this.#selectAll(this.#all.checked));
    // The roles hold in a narrow window as well, where the table is laid out as cards.
    this.#table = el(
      "table",
      { class: "worklist", role: "table", "aria-labelledby": "studies-title" },
      el(
        "thead",
        { role: "rowgroup" },
        el(
          "tr",
          { role: "row" },
          el("th", { role: "columnheader", scope: "col", class: "cell-select" }, this.#all),
          ...COLUMNS.map(([name, text]) => el("th", { role: "columnheader", scope: "col", class: `cell-${name}` }, text || el("span", { class: "visually-hidden" }, "Delete"))),
        ),
      ),
      this.#body,
    );
    this.#body.addEventListener("focusin", (event) => this.#makeCurrent(event.target.closest("tr")));
  }

  get selected() {
    return [...this.#rows.values()].filter((row) => row.isSelected).map((row) => row.study);
  }

  /** The link of each row, in order. */
  get links() {
    return [...this.#body.children].map((line) => this.#rows.get(line.dataset.studyId).link);
  }

  show(studies, { isFiltered }) {
    this.settle();
    const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
    const ids = new Set(studies.map((study) => study.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    studies.forEach((study, place) => {
      const row = this.#rows.get(study.id) ?? this.#newRow(study);
      row.update(study);
      // Moving a row takes the focus from it, so only what is out of place moves.
      if (this.#body.children[place] !== row.element) this.#body.insertBefore(row.element, this.#body.children[place] ?? null);
    });
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    this.#table.classList.toggle("has-review", studies.some((study) => study.review !== undefined));
    if (!studies.length) this.#container.replaceChildren(emptyState(isFiltered));
    else if (!this.#table.isConnected) this.#container.replaceChildren(this.#table);
    if (!this.#body.querySelector("tr.is-current")) this.#makeCurrent(this.#body.firstElementChild);
    this.#showAll();
  }

  /** Nothing is being loaded any more. */
  settle() {
    this.#container.setAttribute("aria-busy", "false");
    this.#container.querySelector(".loading")?.remove();
  }

  studiesOf(link) {
    return [this.#rows.get(link.closest("tr").dataset.studyId).study];
  }

  toggle(link) {
    const row = this.#rows.get(link.closest("tr").dataset.studyId);
    row.isSelected = !row.isSelected;
    announce(`${row.study.filename} ${row.isSelected ? "selected" : "no longer selected"}.`);
    this.#changed();
  }

  clearSelection() {
    this.#selectAll(false);
  }

  /** Id of the row that takes the focus when these are gone: the next that stays, or the one before. */
  neighbourOf(studies) {
    const going = new Set(studies.map((study) => study.id));
    const lines = [...this.#body.children].map((line) => line.dataset.studyId);
    const last = Math.max(...studies.map((study) => lines.indexOf(study.id)));
    return lines.slice(last + 1).find((id) => !going.has(id)) ?? lines.slice(0, last).findLast((id) => !going.has(id));
  }

  focus(id) {
    const row = this.#rows.get(id);
    row?.link.focus();
    return row !== undefined;
  }

  focusFirst() {
    this.links[0]?.focus();
  }

  #newRow(study) {
    const row = new WorklistRow(study, { onSelect: () => this.#changed(), onDelete: (given) => this.#onDelete([given]) });
    this.#rows.set(study.id, row);
    return row;
  }

  /** One row at a time is reached with Tab; the other rows with the arrow keys. */
  #makeCurrent(line) {
    if (!line) return;
    for (const other of this.#rows.values()) other.setCurrent(other.element === line);
  }

  #selectAll(isSelected) {
    for (const row of this.#rows.values()) row.isSelected = isSelected;
    this.#changed();
  }

  #changed() {
    this.#showAll();
    this.#onSelect();
  }

  #showAll() {
    const number = this.selected.length;
    this.#all.checked = number > 0 && number === this.#rows.size;
    this.#all.indeterminate = number > 0 && number < this.#rows.size;
  }
}

function emptyState(isFiltered) {
  const [title, text] = isFiltered
    ? ["No study matches", "Change the search or the filters above, or clear them."]
    : ["No studies yet", "A radiograph that you upload appears here with its findings, until you delete it."];
  return el("div", { class: "empty" }, el("p", {}, title), el("p", { class: "hint" }, text));
}
