// The report by sections; each sentence that rests on findings is a way to them.

import { el } from "./dom.js";

const SECTIONS = [["technique", "Technique"], ["view", "View"], ["findings", "Findings"], ["impression", "Impression"]];

export class ReportView {
  #linked = [];

  /** onSentence gets the names of the findings that a clicked or focused sentence rests on. */
  constructor(container, report, onSentence) {
    for (const [key, title] of SECTIONS) {
      const sentences = report.sentences.filter((sentence) => sentence.section === key);
      if (sentences.length) container.append(this.#section(key, title, sentences, onSentence));
    }
    container.append(el("p", { class: "report-disclaimer hint" }, report.disclaimer));
  }

  /** Highlights the sentences that rest on a finding; null clears. */
  setSelected(name) {
    for (const { node, findings } of this.#linked) node.setAttribute("aria-pressed", String(findings.includes(name)));
  }

  #section(key, title, sentences, onSentence) {
    const text = el("p");
    for (const sentence of sentences) text.append(this.#sentence(sentence, onSentence), " ");
    return el("section", { class: "report-section", data: { testid: "report-section", section: key } }, el("h3", {}, title), text);
  }

  #sentence({ text, findings, kind }, onSentence) {
    const node = el("span", { class: "sentence", data: { testid: "report-sentence", kind, findings: findings.join(" ") } }, text);
    if (findings.length === 0) return node;
    node.classList.add("sentence-linked");
    // A real button cannot break across lines as text does.
    node.setAttribute("role", "button");
    node.tabIndex = 0;
    const choose = () => onSentence(findings);
    node.addEventListener("click", choose);
    node.addEventListener("focus", choose);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    });
    this.#linked.push({ node, findings });
    return node;
  }
}
