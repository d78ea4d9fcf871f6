// "More" on the study page: questions, the health record, advanced settings. Loaded when it is first opened.

import { confirmDelete } from "../confirm_delete.js";
import { announce, sleep } from "../dom.js";
import { getInquiries, getRecord, removeInquiry } from "./inquiry_api.js";
import { InquiryList } from "./inquiry_list.js";
import { QuestionForm } from "./question_form.js";
import { RecordPanel } from "./record_panel.js";
import { SettingsForm } from "./settings_form.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 2000;
const TOLERATED_FAILURES = 30;
const byId = (id) => document.getElementById(id);

export class MoreSection {
  #studyId;
  #lists;
  #record;
  #isFollowing = false;

  /** onFindings gets the names of the findings that a chosen sentence cites. */
  constructor(studyId, { onFindings }) {
    this.#studyId = studyId;
    const handlers = { onFindings, onRemove: (inquiry, title) => this.#remove(inquiry, title) };
    this.#lists = {
      question: new InquiryList(byId("questions"), "Nothing was asked yet.", handlers),
      record: new InquiryList(byId("record-comparisons"), null, handlers),
      settings: new InquiryList(byId("settings-comparisons"), null, handlers),
    };
    const onAsked = () => this.#follow();
    new QuestionForm(studyId, onAsked);
    new SettingsForm(studyId, onAsked);
    this.#record = new RecordPanel(studyId, { onAsked });
    byId("more-details").addEventListener("toggle", () => this.#load(), { once: true });
  }

  async #load() {
    try {
      this.#record.show(await getRecord(this.#studyId));
      await this.#follow();
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      byId("more-error").textContent = error.message;
    }
  }

  async #remove({ id }, title) {
    if (!(await confirmDelete(title, { along: "with its answer" }))) return;
    try {
      await removeInquiry(this.#studyId, id);
      this.#show(await getInquiries(this.#studyId));
      byId("question").focus();
      announce(`Deleted: ${title}`);
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      byId("more-error").textContent = error.message;
    }
  }

  /** Shows what is there, and goes on until everything is answered. */
  async #follow() {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    let wait = FIRST_WAIT_MS;
    let failures = 0;
    try {
      for (;;) {
        try {
          if (this.#show(await getInquiries(this.#studyId))) return;
          failures = 0;
          byId("more-error").textContent = "";
        } catch (error) {
          failures += 1;
          if (!error.isPassing || failures > TOLERATED_FAILURES) throw error;
          byId("more-error").textContent = `${error.message} Trying again.`;
        }
        await sleep(wait);
        wait = Math.min(wait * 1.4, LONGEST_WAIT_MS);
      }
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      byId("more-error").textContent = error.message;
    } finally {
      this.#isFollowing = false;
    }
  }

  /** Whether nothing waits any more. */
  #show({ has_writer: hasWriter, inquiries }) {
    byId("more").dataset.writer = hasWriter ? "on" : "off";
    byId("no-writer").hidden = hasWriter;
    for (const [kind, list] of Object.entries(this.#lists)) list.show(inquiries.filter((one) => one.kind === kind));
    return inquiries.every((one) => one.state !== "waiting");
  }
}
