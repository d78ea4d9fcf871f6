// The two text areas, and below them how their text differs from its draft and from the evidence.

import { el } from "../dom.js";
import { renderDifferences } from "./differences.js";
import { checkText, SECTIONS } from "./review_api.js";

const CHECK_PAUSE_MS = 700;

export class Editor {
  #studyId;
  #form = document.getElementById("report-editor");
  #notes = document.getElementById("evidence-notes");
  #areas = Object.fromEntries(SECTIONS.map(([key]) => [key, document.getElementById(`edit-${key}`)]));
  #base = null;
  #timer = null;
  #checks = 0;

  /** onInput(text) at each change, onBlur() when the focus leaves a text area. */
  constructor(studyId, { onInput, onBlur }) {
    this.#studyId = studyId;
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    for (const area of Object.values(this.#areas)) {
      area.addEventListener("input", () => {
        this.#compare();
        onInput(this.text);
      });
      area.addEventListener("blur", onBlur);
    }
  }

  get isOpen() {
    return !this.#form.hidden;
  }

  get hasFocus() {
    return this.#form.contains(document.activeElement);
  }

  get text() {
    return Object.fromEntries(SECTIONS.map(([key]) => [key, this.#areas[key].value]));
  }

  /** base is the text that differences are shown against. */
  open(text, base) {
    this.#form.hidden = false;
    this.show(text, base);
  }

  focus() {
    this.#areas.findings.focus();
  }

  show(text, base) {
    this.#base = base;
    for (const [key] of SECTIONS) {
      // Setting the same value again would move the caret.
      if (this.#areas[key].value !== text[key]) this.#areas[key].value = text[key];
    }
    this.#compare();
  }

  close() {
    clearTimeout(this.#timer);
    this.#form.hidden = true;
  }

  #compare() {
    renderDifferences(document.getElementById("editor-differences"), this.#base, this.text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CHECK_PAUSE_MS);
  }

  async #check() {
    this.#checks += 1;
    const turn = this.#checks;
    let notes;
    try {
      notes = await checkText(this.#studyId, this.text);
    } catch {
      // The state of saving tells already that the server is away.
      return;
    }
    if (turn !== this.#checks) return;
    this.#notes.hidden = notes.length === 0;
    this.#notes.querySelector("ul").replaceChildren(...notes.map((note) => el("li", { data: { finding: note.finding } }, note.message)));
  }
}
