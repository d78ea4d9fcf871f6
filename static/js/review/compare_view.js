// Any two texts of a study against each other: drafts, signed versions, the text that stands.

import { el } from "../dom.js";
import { shortTime } from "../format.js";
import { renderDifferences } from "./differences.js";
import { getVersions, written } from "./review_api.js";

export class CompareView {
  #studyId;
  #box = document.getElementById("report-compare");
  #from = this.#box.querySelector("[data-part=from]");
  #to = this.#box.querySelector("[data-part=to]");
  #drafts = [];
  #texts = [];
  #isStale = true;

  constructor(studyId) {
    this.#studyId = studyId;
    this.#box.addEventListener("toggle", () => this.#load());
    for (const choice of [this.#from, this.#to]) choice.addEventListener("change", () => this.#render());
  }

  /** drafts: [[name, report], ...]. The versions are fetched when the comparison is opened. */
  update(drafts, review) {
    this.#drafts = drafts.map(([name, report]) => ({ name, text: written(report) }));
    this.#box.hidden = review.state === "draft" && drafts.length < 2;
    this.#isStale = true;
    this.#load();
  }

  async #load() {
    if (!this.#box.open || !this.#isStale) return;
    this.#isStale = false;
    let versions;
    try {
      versions = await getVersions(this.#studyId);
    } catch (error) {
      this.#isStale = true;
      this.#box.querySelector("[data-part=differences]").replaceChildren(el("p", { class: "error-text" }, error.message));
      return;
    }
    const texts = versions.filter(({ state }) => state !== "draft").map(({ version, state, text, by, at }) => ({
      name: state === "signed" ? `Version ${version}, signed by ${by}, ${shortTime(at)}` : `Version ${version}, not signed`,
      text,
    }));
    this.#texts = [...this.#drafts, ...texts];
    this.#fill(this.#from, Math.max(0, this.#texts.length - 2));
    this.#fill(this.#to, this.#texts.length - 1);
    this.#render();
  }

  #fill(choice, index) {
    const chosen = choice.value;
    choice.replaceChildren(...this.#texts.map(({ name }) => el("option", { value: name }, name)));
    choice.selectedIndex = index;
    if (this.#texts.some(({ name }) => name === chosen)) choice.value = chosen;
  }

  #render() {
    const text = (choice) => this.#texts.find(({ name }) => name === choice.value).text;
    renderDifferences(this.#box.querySelector("[data-part=differences]"), text(this.#from), text(this.#to));
  }
}
