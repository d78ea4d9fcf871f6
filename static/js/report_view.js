// A report by sections; each sentence that rests on findings is a way to them.

import { el } from "./dom.js";

const SECTIONS = [["technique", "Technique"], ["view", "View"], ["findings", "Findings"], ["impression", "Impression"]];

export class ReportView {
  #container;
  #onSentence;
  #report = null;
  #linked = [];
  #selected = null;

  /** onSentence gets the names of the findings that a clicked or focused sentence rests on; see also linking.js. */
  constructor(container, onSentence) {
    this.#container = container;
    this.#onSentence = onSentence;
  }

  show(report) {
    // Building the same sentences anew would take the focus from them.
    if (report === this.#report) return;
    this.#report = report;
    this.#container.dataset.source = report.source;
    this.#linked = [];
    const sections = SECTIONS.filter(([key]) => report[key]).map(([key, title]) => this.#section(key, title, report));
    this.#container.replaceChildren(...sections, el("p", { class: "report-disclaimer hint" }, report.disclaimer));
    this.#mark();
  }

  /** Highlights the sentences that rest on a finding; null clears. */
  setSelected(name) {
    this.#selected = name;
    this.#mark();
  }

  #mark() {
    for (const { node, findings } of this.#linked) {
      node.setAttribute("aria-pressed", String(findings.includes(this.#selected)));
    }
  }

  #section(key, title, report) {
    const whole = report[key];
    const text = el("p");
    let at = 0;
    // What lies between the sentences, such as the line breaks of a reviewer, stands as it is.
    for (const sentence of report.sentences.filter((candidate) => candidate.section === key)) {
      const start = whole.indexOf(sentence.text, at);
      if (start < 0) continue;
      text.append(whole.slice(at, start), this.#sentence(sentence));
      at = start + sentence.text.length;
    }
    text.append(whole.slice(at));
    return el("section", { class: "report-section", data: { testid: "report-section", section: key } }, el("h3", {}, title), text);
  }

  #sentence({ text, findings, kind, author }) {
    const node = el("span", { class: "sentence", data: { testid: "report-sentence", kind, author, findings: findings.join(" ") } }, text);
    if (findings.length === 0) return node;
    node.classList.add("sentence-linked");
    // A real button cannot break across lines as text does.
    node.setAttribute("role", "button");
    node.tabIndex = 0;
    const choose = () => this.#onSentence(findings);
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
