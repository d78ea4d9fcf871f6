// Two choices of settings, and whether the model words the evidence or reports on its own.

import { compareSettings } from "./inquiry_api.js";
import { sendWith } from "../sending.js";

export class SettingsForm {
  #form = document.getElementById("settings-form");

  constructor(studyId, onAsked) {
    sendWith(this.#form, async () => {
      await compareSettings(studyId, [this.#choice("first"), this.#choice("second")], this.#form.elements.mode.value);
      onAsked();
    });
    this.#form.addEventListener("input", () => this.#mark());
    this.#form.addEventListener("reset", () => setTimeout(() => this.#mark()));
    this.#mark();
  }

  /** Values by name; a field that was emptied is left to the server. */
  #choice(which) {
    const fields = [...this.#form.querySelectorAll(`[data-choice=${which}]`)];
    return Object.fromEntries(fields.filter((field) => value(field) !== "").map((field) => [field.dataset.setting, value(field)]));
  }

  /** Rows whose two values differ say so. */
  #mark() {
    const [first, second] = [this.#choice("first"), this.#choice("second")];
    for (const row of this.#form.querySelectorAll("tbody tr")) {
      const differs = first[row.dataset.setting] !== second[row.dataset.setting];
      row.classList.toggle("is-changed", differs);
      row.querySelector("[data-part=changed]").textContent = differs ? "differs" : "";
    }
  }
}

const value = (field) => (field.type === "checkbox" ? (field.checked ? "1" : "0") : field.value.trim());
