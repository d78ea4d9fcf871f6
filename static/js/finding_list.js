// The findings as a listbox: arrows move the focus, Enter, Space or a click select.

import { decisionBar } from "./decision_bar.js";
import { el } from "./dom.js";
import { percent } from "./format.js";
import { status } from "./marks.js";

const DECISION_ORDER = ["present", "possible", "absent", "unknown"];

export function sortFindings(findings) {
  const rank = (finding) => DECISION_ORDER.indexOf(finding.decision);
  return findings.toSorted((a, b) => rank(a) - rank(b) || (b.probability ?? 0) - (a.probability ?? 0));
}

export class FindingList {
  #list;
  #rows = new Map();

  /** onSelect gets a finding's name, or null for "No heatmap". */
  constructor(list, findings, onSelect) {
    this.#list = list;
    for (const finding of findings) this.#rows.set(finding.name, findingRow(finding));
    this.#rows.set(null, noneRow());
    for (const [name, row] of this.#rows) row.addEventListener("click", () => onSelect(name));
    list.replaceChildren(...this.#rows.values());
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  setSelected(selected) {
    for (const [name, row] of this.#rows) {
      row.setAttribute("aria-selected", String(name === selected));
      row.tabIndex = name === selected ? 0 : -1;
    }
  }

  /** The findings in the order of their rows; null, for no heatmap, comes last. */
  get names() {
    return [...this.#rows.keys()];
  }

  #move(event) {
    const rows = [...this.#list.children];
    const at = rows.indexOf(document.activeElement);
    const target = {
      ArrowDown: Math.min(at + 1, rows.length - 1),
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    rows[target].focus();
  }
}

function findingRow(finding) {
  const known = finding.probability !== null;
  const worth = inOneLine(finding);
  const described = known
    ? `${finding.display_name}, ${finding.decision}, probability ${percent(finding.probability)}${worth ? `. ${worth}` : ""}`
    : `${finding.display_name}, unknown: this model does not judge it`;
  return el(
    "button",
    { class: "finding", type: "button", role: "option", "aria-label": described, data: { testid: "finding-row", finding: finding.name, decision: finding.decision } },
    el("span", { class: "finding-name" }, finding.display_name),
    decisionBar(finding),
    known ? el("span", { class: "percent" }, percent(finding.probability)) : el("span", { class: "percent percent-none" }, "–"),
    status(finding.decision),
    worth && el("span", { class: "finding-worth", data: { testid: "finding-worth" } }, worth),
  );
}

/** Certainty and precision of a call in words; nothing for what is not called. */
function inOneLine({ certainty_words: certainty, precision_words: precision }) {
  if (!certainty) return null;
  return `${certainty.charAt(0).toUpperCase()}${certainty.slice(1)}. ${precision}`;
}

function noneRow() {
  return el("button", { class: "finding finding-none", type: "button", role: "option", data: { testid: "finding-none" } }, "No heatmap, radiograph only");
}
