// The health record: shown as the server has read it, typed or chosen as a file, compared with the image alone.

import { announce, el } from "../dom.js";
import { compareRecord, removeRecord, saveRecord } from "./inquiry_api.js";
import { fillForm, recordOf } from "../record_form.js";
import { sendWith } from "../sending.js";

const byId = (id) => document.getElementById(id);

export class RecordPanel {
  #studyId;
  #form = byId("record-form");
  #record = null;

  constructor(studyId, { onAsked }) {
    this.#studyId = studyId;
    sendWith(this.#form, async () => this.#keep(JSON.stringify(recordOf(this.#form))));
    byId("record-file").addEventListener("change", ({ target }) => this.#readFile(target));
    byId("record-add").addEventListener("click", () => this.#open());
    byId("record-cancel").addEventListener("click", () => this.#close());
    sendWith(byId("record-actions"), async (button) => {
      if (button.value === "remove") await this.#remove();
      else {
        await compareRecord(studyId);
        onAsked();
      }
    });
  }

  /** {ehr, lines} of the server. */
  show({ ehr, lines }) {
    this.#record = ehr;
    // Before it is known what is there, a form that was opened would be filled with nothing, and closed by this.
    byId("record-add").disabled = byId("record-file").disabled = false;
    byId("record-lines").replaceChildren(...lines.map((line) => el("li", {}, line)));
    byId("record-empty").hidden = lines.length > 0;
    byId("record-read").hidden = lines.length === 0;
    byId("record-add").textContent = lines.length ? "Change the record" : "Type a record";
    for (const button of byId("record-actions").querySelectorAll("button[value]")) button.hidden = lines.length === 0;
    this.#close({ focus: false });
  }

  #open() {
    fillForm(this.#form, this.#record ?? {});
    this.#form.querySelector(".error-text").textContent = "";
    this.#form.hidden = false;
    byId("record-actions").hidden = true;
    this.#form.elements.age.focus();
  }

  #close({ focus = true } = {}) {
    this.#form.hidden = true;
    byId("record-actions").hidden = false;
    if (focus) byId("record-add").focus();
  }

  async #keep(text) {
    const hadFocus = this.#form.contains(document.activeElement);
    this.show(await saveRecord(this.#studyId, text));
    announce("The health record was read and is kept with this study.");
    if (hadFocus) byId("record-add").focus();
  }

  async #remove() {
    await removeRecord(this.#studyId);
    this.show({ ehr: null, lines: [] });
    announce("The health record was removed.");
    byId("record-add").focus();
  }

  async #readFile(input) {
    const error = byId("record-actions").querySelector(".error-text");
    error.textContent = "";
    try {
      await this.#keep(await input.files[0].text());
    } catch (failure) {
      error.textContent = failure.name === "ApiError" ? failure.message : "This file cannot be read.";
    } finally {
      // The same file may be chosen again once it was mended.
      input.value = "";
    }
  }
}
