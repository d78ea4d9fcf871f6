// The second pane: another finding of this study, or another study, beside the first.

import { getStudy, listStudies } from "../api.js";
import { el } from "../dom.js";
import { DisplayState } from "./display_state.js";
import { StudySource } from "./source.js";

/** The newest studies; the server gives no longer page. */
const OFFERED = 200;

export class Comparison {
  #pane;
  #own;
  #ownState;
  #onChange;
  #studies;
  #findings;
  #error;

  /** pane: the second one; own, ownState: source and state of the first, which is shared while both show one study. */
  constructor(pane, { own, ownState, onChange }) {
    this.#pane = pane;
    this.#own = own;
    this.#ownState = ownState;
    this.#onChange = onChange;
    this.#studies = pane.element.querySelector("[data-part=study]");
    this.#findings = pane.element.querySelector("[data-part=finding]");
    this.#error = pane.element.querySelector("[data-part=study-error]");
    this.#studies.addEventListener("change", () => this.#choose(this.#studies.value));
    this.#findings.addEventListener("change", () => this.#showFinding(this.#findings.value || null));
  }

  /** Starts with a finding of the own study. */
  async open(finding) {
    this.#studies.replaceChildren(el("option", { value: this.#own.study.id }, "This study"));
    this.#show(this.#own, this.#ownState, finding);
    try {
      const { studies } = await listStudies({ state: "done", limit: OFFERED });
      const others = studies.filter(({ id }) => id !== this.#own.study.id);
      this.#studies.append(...others.map(({ id, filename }) => el("option", { value: id }, filename)));
    } catch (error) {
      this.#fail(`Other studies could not be listed. ${error.message}`);
    }
  }

  async #choose(id) {
    this.#fail("");
    if (id === this.#own.study.id) {
      this.#show(this.#own, this.#ownState, this.#pane.finding);
      return;
    }
    try {
      const source = new StudySource(await getStudy(id));
      // A slower answer for an earlier choice must not replace the later one.
      if (this.#studies.value === id) this.#show(source, new DisplayState(), this.#pane.finding);
    } catch (error) {
      if (this.#studies.value === id) this.#fail(`That study could not be loaded. ${error.message}`);
    }
  }

  #show(source, state, finding) {
    const options = source.study.findings.map(({ name, display_name: text, decision }) => el("option", { value: name }, `${text}, ${decision}`));
    this.#findings.replaceChildren(el("option", { value: "" }, "No heatmap"), ...options);
    this.#findings.value = finding ?? "";
    this.#pane.finding = finding;
    this.#pane.show(source, state).then(this.#onChange);
    this.#onChange();
  }

  #showFinding(finding) {
    this.#pane.setFinding(finding).then(this.#onChange);
    this.#onChange();
  }

  #fail(text) {
    this.#error.textContent = text;
  }
}
