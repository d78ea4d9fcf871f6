// The choice between the texts of a study: the reviewer's, the rewritten draft, the template's.

import { el } from "../dom.js";

export const NAMES = { reviewer: "Reviewed text", vlm: "Rewritten draft", template: "Template draft" };

const EXPLAINED = {
  reviewer: "The reviewer's text. Underlined sentences speak of a finding; choose one to see its heatmap.",
  vlm: "Rewritten by a language model and checked against the figures above. Choose an underlined sentence to see its heatmap.",
  template: "Written from the figures above by a fixed template. Choose an underlined sentence to see its heatmap.",
};

export class TextSwitch {
  #box = document.getElementById("report-switch");
  #line = document.getElementById("report-source");
  #onChoose;

  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** With a single text there is nothing to choose. */
  render(sources, shown) {
    const hadFocus = this.#box.contains(document.activeElement);
    this.#box.hidden = sources.length < 2;
    this.#box.replaceChildren(...sources.map((source) => this.#button(source, source === shown)));
    if (hadFocus) this.#box.querySelector("[aria-pressed=true]").focus();
    this.#line.textContent = EXPLAINED[shown];
  }

  #button(source, isShown) {
    return el("button", { type: "button", "aria-pressed": String(isShown), data: { source, testid: `show-${source}` }, onclick: () => this.#onChoose(source) }, NAMES[source]);
  }
}
