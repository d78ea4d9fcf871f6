// Shows two texts as one with the differences marked: by element, word and line style, not by colour alone.

import { el } from "../dom.js";
import { SECTIONS } from "./review_api.js";
import { countChanges, diffWords } from "./word_diff.js";

export function renderDifferences(container, before, after) {
  const sections = SECTIONS.map(([key, title]) => ({ title, parts: diffWords(before[key], after[key]) }));
  const changed = sections.filter(({ parts }) => parts.some((part) => part.kind !== "same"));
  container.replaceChildren(
    el("p", { class: "hint", data: { testid: "difference-count" } }, summary(changed)),
    ...changed.map(({ title, parts }) => el("section", {}, el("h4", {}, title), el("p", { class: "difference-text" }, ...parts.map(piece)))),
  );
}

/** "3 words added, 2 removed" */
export function changesInWords(before, after) {
  const changed = SECTIONS.map(([key]) => ({ parts: diffWords(before[key], after[key]) }));
  return inWords(changed);
}

function inWords(sections) {
  const counts = sections.map(({ parts }) => countChanges(parts));
  const total = (kind) => counts.reduce((sum, count) => sum + count[kind], 0);
  const [added, removed] = [total("added"), total("removed")];
  return added + removed ? `${added} ${added === 1 ? "word" : "words"} added, ${removed} removed` : null;
}

function summary(changed) {
  const counts = inWords(changed);
  return counts ? `${counts}. Added words are underlined, removed words struck through.` : "No word differs.";
}

function piece({ kind, text }) {
  if (kind === "same") return text;
  const words = text.trimEnd();
  const node = el(kind === "added" ? "ins" : "del", {}, el("span", { class: "visually-hidden" }, kind === "added" ? "added: " : "removed: "), words);
  const whole = document.createDocumentFragment();
  whole.append(node, text.slice(words.length) || " ");
  return whole;
}
