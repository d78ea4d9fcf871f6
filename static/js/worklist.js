// The worklist: asks the server for the studies that match the filters, shows them, and keeps them up to date.

import { deleteStudy, listStudies, studyPage, tableUrl } from "./api.js";
import { confirmDelete } from "./confirm_delete.js";
import { announce } from "./dom.js";
import { Filters } from "./filters.js";
import { count } from "./format.js";
import { listenForKeys } from "./list_keys.js";
import { saveExport } from "./save_export.js";
import { WorklistTable } from "./worklist_table.js";

const PAGE_SIZE = 50;
const REFRESH_MS = 2000;
const SOON_MS = 400;
const DELETING_AT_ONCE = 4;
const byId = (id) => document.getElementById(id);

export class Worklist {
  #filters = new Filters(byId("filters"), { onChange: () => this.#startOver() });
  #table = new WorklistTable(byId("study-list"), { onSelect: () => this.#showSelection(), onDelete: (studies) => this.#delete(studies) });
  #page = Math.max(1, Number.parseInt(new URLSearchParams(location.search).get("page"), 10) || 1);
  #asked = 0;
  #timer = null;
  #total = 0;
  #shown = {};
  #isAwaited;

  /** isAwaited() tells that studies may come in at any moment. */
  constructor({ isAwaited }) {
    this.#isAwaited = isAwaited;
    byId("selection-delete").addEventListener("click", () => this.#delete(this.#table.selected));
    byId("export-link").addEventListener("click", (event) => this.#saveExport(event));
    byId("selection-clear").addEventListener("click", () => this.#table.clearSelection());
    byId("filters-clear").addEventListener("click", () => this.#filters.clear());
    byId("pager").addEventListener("click", (event) => this.#turn(event.target.dataset.page));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refreshSoon();
    });
    listenForKeys({
      search: byId("filters").elements.query,
      rows: () => this.#table.links,
      onToggle: (link) => this.#table.toggle(link),
      onDelete: (link) => this.#delete(this.#table.selected.length ? this.#table.selected : this.#table.studiesOf(link)),
      onLeaveSearch: () => this.#table.focusFirst(),
    });
  }

  /** For several changes that come together. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), SOON_MS);
  }

  async refresh() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    const asked = this.#asked;
    const wanted = this.#filters.values;
    let list;
    try {
      list = await listStudies({ ...wanted, limit: PAGE_SIZE, offset: (this.#page - 1) * PAGE_SIZE });
    } catch (error) {
      // What is shown stays: it is older, but still of use.
      if (asked === this.#asked) this.#showError(error);
      return;
    }
    // An answer that was overtaken shows what nobody asks for any more.
    if (asked !== this.#asked) return;
    if (list.studies.length === 0 && list.total > 0) {
      this.#goTo(Math.ceil(list.total / PAGE_SIZE));
      return;
    }
    this.#show(list, wanted);
    if ((list.unfinished > 0 || this.#isAwaited()) && !document.hidden) this.#timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  #show({ studies, total, unfinished }, wanted) {
    this.#total = total;
    byId("list-error").hidden = true;
    this.#table.show(studies, { isFiltered: this.#filters.isActive });
    byId("filters-clear").hidden = !this.#filters.isActive;
    byId("list-hint").hidden = studies.length === 0;
    byId("studies-count").textContent = countLine(total, unfinished, this.#filters.isActive);
    byId("studies-export").hidden = !studies.some((study) => study.status === "done");
    byId("export-link").href = tableUrl(wanted);
    this.#shown = wanted;
    this.#showPager(studies.length, total);
    this.#showSelection();
  }

  async #saveExport(event) {
    const link = event.currentTarget;
    const format = byId("export-format").value;
    if (format === "table" && this.#total <= Number(link.dataset.most)) return;
    event.preventDefault();
    byId("list-error").hidden = true;
    try {
      await saveExport(link, { ...this.#shown, format });
    } catch (error) {
      byId("list-error").hidden = false;
      byId("list-error").textContent = error.message;
    }
  }

  #showPager(shown, total) {
    const pager = byId("pager");
    const first = (this.#page - 1) * PAGE_SIZE;
    pager.hidden = total <= PAGE_SIZE;
    pager.querySelector("[data-part=range]").textContent = `${count(first + 1)} to ${count(first + shown)} of ${count(total)}`;
    pager.querySelector("[data-page=previous]").disabled = this.#page === 1;
    pager.querySelector("[data-page=next]").disabled = first + shown >= total;
  }

  #showSelection() {
    const number = this.#table.selected.length;
    byId("selection").hidden = number === 0;
    byId("selection-count").textContent = `${countOf(number)} selected`;
  }

  #showError(error) {
    const line = byId("list-error");
    line.hidden = false;
    line.textContent = error.isPassing ? `${error.message} The list may be out of date; asking again.` : `${error.message} `;
    this.#table.settle();
    if (error.isPassing) this.#timer = setTimeout(() => this.refresh(), 2 * REFRESH_MS);
    else byId("filters-clear").hidden = false;
  }

  #startOver() {
    this.#goTo(1);
  }

  #turn(direction) {
    if (direction === "next" && this.#page * PAGE_SIZE < this.#total) this.#goTo(this.#page + 1);
    if (direction === "previous" && this.#page > 1) this.#goTo(this.#page - 1);
    if (direction) byId("studies-title").scrollIntoView({ block: "nearest" });
  }

  #goTo(page) {
    this.#page = page;
    this.#filters.keepInAddress(page > 1 ? { page } : {});
    this.#table.clearSelection();
    this.refresh();
  }

  async #delete(studies) {
    if (studies.length === 0) return;
    if (!(await confirmDelete(studies.length === 1 ? studies[0].filename : countOf(studies.length), { reviews: studies.map((study) => study.review) }))) return;
    const next = this.#table.neighbourOf(studies);
    const left = [...studies];
    const errors = [];
    const worker = async () => {
      for (let study = left.shift(); study; study = left.shift()) {
        try {
          await deleteStudy(study.id);
        } catch (error) {
          // Gone already is what was wanted.
          if (error.status !== 404) errors.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: DELETING_AT_ONCE }, worker));
    this.#table.clearSelection();
    await this.refresh();
    if (errors.length) {
      byId("list-error").hidden = false;
      byId("list-error").textContent = `${countOf(errors.length)} could not be deleted: ${errors[0].message}`;
    }
    announce(`${countOf(studies.length - errors.length)} deleted.`);
    if (!this.#table.focus(next)) byId("studies-title").focus();
  }
}

function countLine(total, unfinished, isFiltered) {
  const parts = [];
  if (total || isFiltered) parts.push(isFiltered ? `${countOf(total)} found` : countOf(total));
  if (unfinished) parts.push(`${unfinished} waiting or analysed now`);
  return parts.join(" · ");
}

const countOf = (number) => `${count(number)} ${number === 1 ? "study" : "studies"}`;
