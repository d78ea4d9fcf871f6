// The health record that goes with the next radiograph: typed, or chosen as a file, and shown as the server reads it.

import { checkRecord } from "./api.js";
import { announce, el } from "./dom.js";
import { fillForm, recordOf } from "./record_form.js";
import { sendWith } from "./sending.js";

const byId = (id) => document.getElementById(id);

export class NextRecord {
  #form = byId("record-form");
  #waiting = byId("record-waiting");
  #error = byId("record-form").querySelector(".error-text");
  /** {text, ehr, lines} */
  #record = null;

  constructor() {
    sendWith(this.#form, async () => {
      await this.#read(JSON.stringify(recordOf(this.#form)));
      this.#part("change").focus();
    });
    byId("record-file").addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      // The same file may be chosen again once it was mended.
      await this.readFile(file);
      target.value = "";
    });
    this.#part("change").addEventListener("click", () => {
      fillForm(this.#form, this.#record.ehr);
      this.#show(null);
      this.#form.elements.age.focus();
    });
    this.#part("remove").addEventListener("click", () => {
      this.#show(null);
      this.#form.reset();
      this.#form.elements.age.focus();
      announce("The health record was removed.");
    });
  }

  get isThere() {
    return this.#record !== null;
  }

  async readFile(file) {
    this.#error.textContent = "";
    try {
      await this.#read(await file.text());
    } catch (failure) {
      this.refuse(failure.name === "ApiError" ? failure.message : "This file cannot be read.");
    }
  }

  /** The record, which is then no longer there for the one after. */
  take() {
    const taken = this.#record;
    this.#show(null);
    this.#form.reset();
    return taken;
  }

  /** Why a record was not taken; typing starts anew. */
  refuse(message) {
    byId("record-next").open = true;
    this.#show(null);
    this.#error.textContent = message;
  }

  /** Several radiographs came at once: whose it is is not known. */
  keepWaiting(number) {
    this.#part("whose").textContent = `It belongs to one radiograph, and ${number} came at once: they were sent without it. It goes with the next one that comes alone.`;
    byId("record-next").open = true;
  }

  async #read(text) {
    const { ehr, lines } = await checkRecord(text);
    this.#show({ text, ehr, lines });
    announce("The health record was read and goes with the next radiograph.");
  }

  #show(record) {
    this.#record = record;
    this.#form.hidden = record !== null;
    this.#waiting.hidden = record === null;
    this.#error.textContent = "";
    if (record === null) return;
    byId("record-next").open = true;
    this.#part("whose").textContent = "It goes with the next radiograph that you choose or drop.";
    this.#waiting.querySelector(".record-lines").replaceChildren(...record.lines.map((line) => el("li", {}, line)));
  }

  #part(name) {
    return this.#waiting.querySelector(`[data-part=${name}]`);
  }
}
