// The report section of the study page: the texts that there are, the editor, the signature.

import { announce, el, isForField, sleep } from "./dom.js";
import { followStudy } from "./follow.js";
import { shortTime } from "./format.js";
import { status } from "./marks.js";
import { ReportView } from "./report_view.js";
import { CompareView } from "./review/compare_view.js";
import { changesInWords } from "./review/differences.js";
import { ReopenDialog, rememberedName, SignDialog } from "./review/dialogs.js";
import { Editor } from "./review/editor.js";
import { Notices } from "./review/notices.js";
import { renderPrint } from "./review/print_view.js";
import { renderRecord } from "./review/record_view.js";
import { getReview, reopenReview, sameText, signReview, written } from "./review/review_api.js";
import { isBeingWritten, renderRewrite } from "./review/rewrite_view.js";
import { Saver } from "./review/saver.js";

const RETRY_MS = 3000;
const NAMES = { reviewer: "Reviewed text", vlm: "Rewritten draft", template: "Template draft" };
const SOURCES = {
  template: "Written from the figures above by a fixed template. Choose an underlined sentence to see its heatmap.",
  vlm: "Rewritten by a language model and checked against the figures above. Choose an underlined sentence to see its heatmap.",
  reviewer: "The reviewer's text. Underlined sentences speak of a finding; choose one to see its heatmap.",
};
const byId = (id) => document.getElementById(id);

export class ReportSection {
  #study;
  #root = byId("report");
  #view;
  #shown;
  #review = null;
  #restored = null;
  #saver;
  #editor;
  #notices = new Notices();
  #compare;
  #sign = new SignDialog();
  #reopen = new ReopenDialog();
  #channel;

  /** onSentence gets the findings of a clicked or focused sentence; #report also sends "sentencehover" events. */
  constructor(study, { onSentence }) {
    this.#study = study;
    this.#shown = study.report.source;
    this.#view = new ReportView(byId("report-body"), onSentence);
    this.#compare = new CompareView(study.id);
    this.#channel = new BroadcastChannel(`chestlens-review-${study.id}`);
    this.#saver = new Saver(study.id, {
      author: rememberedName,
      onState: (name, detail) => this.#showSaving(name, detail),
      onSaved: (review) => this.#saved(review),
      onConflict: (review) => this.#conflict(review),
    });
    this.#editor = new Editor(study.id, { onInput: (text) => this.#saver.change(text), onBlur: () => this.#saver.flush() });
    this.#listen();
    this.#render();
    renderReference(study.reference);
    this.#load();
    if (isBeingWritten(study)) this.#followRewrite();
  }

  /** Highlights the sentences that rest on the selected finding; null clears. */
  setSelected(name) {
    this.#view.setSelected(name);
  }

  /** Lights the sentences of findings that are pointed at elsewhere. */
  setLit(names) {
    this.#view.setLit(names);
  }

  // What is there

  get #reports() {
    // Studies of earlier versions carry one report only.
    const { template, vlm } = this.#study.reports ?? { [this.#study.report.source]: this.#study.report };
    const reviewer = this.#review && this.#review.state !== "draft" ? this.#review.report : null;
    return Object.fromEntries(Object.entries({ reviewer, vlm, template }).filter(([, report]) => report));
  }

  /** The text to edit or sign, and the draft that it was made from. */
  get #current() {
    if (this.#editor.isOpen) return this.#saver.body;
    if (this.#review.state !== "draft") return { text: this.#review.text, draft: this.#review.draft, revision: this.#review.revision };
    return { text: written(this.#reports[this.#shown]), draft: this.#shown, revision: this.#review.revision };
  }

  async #load() {
    for (;;) {
      try {
        this.#take(await getReview(this.#study.id));
        break;
      } catch (error) {
        if (!error.isPassing) {
          byId("report-error").textContent = error.message;
          return;
        }
        await sleep(RETRY_MS);
      }
    }
    const left = await this.#saver.leftBehind();
    this.#saver.start(this.#review);
    if (left && !sameText(left.text, this.#review.text)) this.#restore(left);
    byId("report-edit").disabled = false;
    byId("report-sign").disabled = false;
    this.#root.dataset.ready = "true";
  }

  #restore(left) {
    const { state, revision, text } = this.#review;
    if (state === "signed") {
      this.#keepBeside(left.text, left.draft);
      return;
    }
    this.#open(left.text, left.draft);
    // A save that arrived without its answer is no conflict.
    const isOurs = left.revision === revision || (left.sent && sameText(left.sent, text));
    if (isOurs) {
      this.#notices.restored(left.time, () => this.#editor.focus());
      this.#saver.change(left.text, left.draft);
    } else {
      this.#saver.block();
      this.#saver.change(left.text, left.draft);
      this.#conflict(this.#review);
    }
  }

  // Editing

  #open(text, draft) {
    this.#root.dataset.mode = "edit";
    if (this.#shown === "reviewer") this.#shown = draft;
    this.#editor.open(text, this.#base(draft));
    this.#render();
  }

  #edit() {
    if (this.#editor.isOpen || this.#review === null || this.#review.state === "signed") return;
    const { text, draft } = this.#current;
    // Nothing is sent before the first change; then the draft that was shown is its start.
    if (this.#review.state === "draft") this.#saver.start({ ...this.#review, text }, draft);
    this.#open(text, draft);
    this.#showSaving(this.#review.saved_at ? "saved" : "untouched", this.#review.saved_at);
    this.#editor.focus();
    announce("The editor is open. Escape leaves it; nothing is lost.");
  }

  async #leave() {
    const isSaved = await this.#saver.flush();
    if (!isSaved) {
      announce("The editor stays open until the text is saved.");
      return;
    }
    this.#close();
    byId("report-edit").focus();
  }

  #close() {
    this.#editor.close();
    this.#root.dataset.mode = "read";
    if (this.#review.state !== "draft") this.#shown = "reviewer";
    this.#render();
  }

  #base(draft) {
    if (this.#review.version > 1 || draft === this.#review.draft) return this.#review.base;
    return written(this.#reports[draft]);
  }

  #saved(review) {
    this.#channel.postMessage({ revision: review.revision });
    this.#take(review);
  }

  /** Takes over a review of the server; the text being edited stays. */
  #take(review) {
    const isFirst = this.#review === null || this.#review.state === "draft";
    this.#review = review;
    if (review.state !== "draft" && isFirst && !this.#editor.isOpen) this.#shown = "reviewer";
    this.#render();
  }

  #showSaving(name, detail) {
    const words = {
      untouched: ["queued", "Nothing is changed yet"],
      pending: ["queued", "Not saved yet"],
      saving: ["running", "Saving"],
      saved: ["done", detail && `Saved ${shortTime(detail)}`],
      away: ["failed", `Not saved yet: the server cannot be reached; ${detail ? "kept in this browser" : "this browser cannot keep it either, do not close the page"}`],
      refused: ["failed", `Not saved: ${detail}`],
      conflict: ["failed", "Not saved: the report was changed elsewhere; your text is kept in this browser"],
    };
    const [mark, text] = words[name];
    const line = byId("save-state");
    line.dataset.state = name;
    if (line.textContent !== text) line.replaceChildren(status(mark, text));
    byId("report-save").disabled = ["saved", "untouched"].includes(name);
  }

  // Several tabs

  #conflict(review) {
    const { text: mine, draft } = this.#saver.body;
    this.#take(review);
    this.#showSaving("conflict");
    if (review.state === "signed") {
      this.#close();
      this.#keepBeside(mine, draft);
      return;
    }
    this.#notices.conflict(mine, review, {
      onMine: () => {
        this.#saver.rebase(review);
        this.#editor.show(this.#saver.text, this.#base(this.#saver.body.draft));
        this.#editor.focus();
      },
      onOther: () => {
        this.#saver.start(review);
        this.#editor.show(review.text, this.#base(review.draft));
        this.#showSaving("saved", review.saved_at);
        this.#editor.focus();
      },
    });
  }

  /** A signed report leaves unsaved text out; it stays in this browser until it is discarded or the report reopened. */
  #keepBeside(text, draft) {
    this.#saver.block();
    this.#saver.change(text, draft);
    this.#restored = { text, draft };
    this.#notices.signedMeanwhile(text, this.#review, {
      onDiscard: () => {
        this.#restored = null;
        this.#saver.start(this.#review);
      },
    });
  }

  async #refresh() {
    if (this.#review === null || this.#saver.isDirty) return;
    let review;
    try {
      review = await getReview(this.#study.id);
    } catch {
      return;
    }
    // Typing may have begun while the answer was on its way.
    if (review.revision === this.#review.revision || this.#saver.isDirty) return;
    this.#saver.start(review);
    this.#take(review);
    if (!this.#editor.isOpen) return;
    if (review.state === "signed") this.#close();
    else this.#editor.show(review.text, this.#base(review.draft));
    announce("The report was changed elsewhere; the newer text is shown.");
  }

  // Signature

  #askToSign() {
    if (this.#review === null || this.#review.state === "signed") return;
    const { text, draft, revision } = this.#current;
    const changes = changesInWords(this.#base(draft), text);
    const against = this.#review.version > 1 ? "the version signed before" : "the draft";
    this.#sign.open(text, changes ? `Version ${this.#review.version}: ${changes} against ${against}.` : `Version ${this.#review.version}: as ${against}.`, async ({ name }) => {
      await this.#saver.flush();
      await this.#settle(signReview(this.#study.id, { text, draft, name, revision: this.#editor.isOpen ? this.#saver.body.revision : revision }));
      byId("report-reopen").focus();
      announce(`Signed by ${this.#review.signed_by}.`);
    });
  }

  #askToReopen() {
    this.#reopen.open(async ({ name, reason }) => {
      const kept = this.#restored;
      await this.#settle(reopenReview(this.#study.id, { name, reason, revision: this.#review.revision }));
      this.#notices.hide("signed");
      this.#restored = null;
      if (kept) {
        this.#open(kept.text, this.#review.draft);
        this.#saver.change(kept.text, this.#review.draft);
      } else {
        this.#edit();
      }
    });
  }

  async #settle(request) {
    let review;
    try {
      review = await request;
    } catch (error) {
      // The dialog tells; the page shows what the server has by now.
      if (error.answer?.review) this.#take(error.answer.review);
      throw error;
    }
    this.#saver.start(review);
    this.#notices.hide("restored");
    this.#saved(review);
    this.#close();
  }

  // The rewritten draft

  async #followRewrite() {
    const study = await followStudy(this.#study.id, {
      isEnd: (answer) => !isBeingWritten(answer),
      onChange: ({ rewrite }) => this.#showRewrite(rewrite),
    }).catch((error) => ({ ...this.#study, rewrite: { status: "failed", message: error.message } }));
    this.#study = study;
    const hasRewrite = study.report.source === "vlm";
    if (!this.#editor.isOpen && (this.#review?.state ?? "draft") === "draft") {
      if (hasRewrite) this.#shown = "vlm";
      await this.#refreshDraft();
    } else if (hasRewrite) {
      this.#notices.show("rewrite", "The rewritten draft is ready. Your text stays as it is.", {
        actions: [["Show it", () => this.#show("vlm")], ["Start anew from it", () => this.#startFrom("vlm")]],
      });
    }
    this.#render();
  }

  async #refreshDraft() {
    const review = await getReview(this.#study.id).catch(() => null);
    if (review === null || this.#editor.isOpen) return;
    this.#saver.start(review);
    this.#take(review);
  }

  /** The text so far stays in the record. */
  async #startFrom(draft) {
    if (this.#review.state === "signed") return;
    if (this.#editor.isOpen && !(await this.#saver.flush())) return;
    const text = written(this.#reports[draft]);
    this.#shown = draft;
    this.#open(text, draft);
    this.#saver.change(text, draft);
    this.#editor.focus();
  }

  #showRewrite(rewrite) {
    this.#study = { ...this.#study, rewrite };
    renderRewrite(byId("rewrite"), rewrite);
  }

  // Rendering

  #show(source) {
    this.#shown = source;
    this.#render();
  }

  #render() {
    const reports = this.#reports;
    const isEditing = this.#editor?.isOpen ?? false;
    const choices = Object.keys(reports).filter((source) => source !== "reviewer" || !isEditing);
    if (!choices.includes(this.#shown)) this.#shown = choices[0];
    const choice = byId("report-switch");
    choice.hidden = choices.length < 2;
    const focused = choice.contains(document.activeElement);
    choice.replaceChildren(...choices.map((source) =>
      el("button", { type: "button", "aria-pressed": String(source === this.#shown), data: { source, testid: `show-${source}` }, onclick: () => this.#show(source) }, NAMES[source])));
    if (focused) choice.querySelector("[aria-pressed=true]").focus();
    byId("report-source").textContent = SOURCES[this.#shown];
    this.#view.show(reports[this.#shown]);
    renderRewrite(byId("rewrite"), this.#study.rewrite);
    this.#renderReview(isEditing);
  }

  #renderReview(isEditing) {
    const review = this.#review;
    const isSigned = review?.state === "signed";
    byId("report-state").replaceChildren(stateMark(review));
    byId("report-edit").hidden = isEditing || isSigned;
    byId("report-done").hidden = !isEditing;
    byId("report-save").hidden = !isEditing;
    byId("report-sign").hidden = isSigned;
    byId("report-reopen").hidden = !isSigned;
    this.#root.dataset.review = review?.state ?? "loading";
    if (review === null) return;
    renderRecord(this.#study.id, review.record);
    this.#compare.update(Object.entries(this.#reports).filter(([source]) => source !== "reviewer").map(([source, report]) => [NAMES[source], report]), review);
    renderPrint(review, this.#reports, this.#shown);
  }

  #listen() {
    byId("report-edit").disabled = true;
    byId("report-sign").disabled = true;
    byId("report-edit").addEventListener("click", () => this.#edit());
    byId("report-done").addEventListener("click", () => this.#leave());
    byId("report-save").addEventListener("click", () => this.#saver.flush());
    byId("report-sign").addEventListener("click", () => this.#askToSign());
    byId("report-reopen").addEventListener("click", () => this.#askToReopen());
    document.addEventListener("keydown", (event) => this.#shortcut(event));
    this.#channel.addEventListener("message", () => this.#refresh());
    window.addEventListener("pagehide", () => this.#saver.flush({ keepalive: true }));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#refresh();
      else this.#saver.flush();
    });
  }

  #shortcut(event) {
    if (document.querySelector("dialog[open]")) return;
    const isControl = event.ctrlKey || event.metaKey;
    const act = (action) => {
      event.preventDefault();
      action();
    };
    if (isControl && event.key === "Enter") act(() => this.#askToSign());
    else if (isControl && event.key.toLowerCase() === "s" && this.#editor.isOpen) act(() => this.#saver.flush());
    else if (event.key === "Escape" && this.#editor.hasFocus) act(() => this.#leave());
    else if (event.key.toLowerCase() === "e" && !isControl && !event.altKey && !isForField(event) && !this.#editor.isOpen) act(() => this.#edit());
  }
}

function stateMark(review) {
  if (review === null) return status("queued", "Draft");
  const version = review.version > 1 ? `, version ${review.version}` : "";
  if (review.state === "signed") return status("done", `Signed by ${review.signed_by}, ${shortTime(review.signed_at)}${version}`);
  return review.state === "edited" ? status("running", `Edited, not signed${version}`) : status("queued", "Draft, not reviewed");
}

function renderReference(reference) {
  const box = byId("reference");
  const report = reference?.report;
  box.hidden = !report;
  byId("report").classList.toggle("has-reference", !box.hidden);
  if (!report) return;
  box.querySelector("[data-part=body]").replaceChildren(
    ...["findings", "impression"].filter((key) => report[key]).map((key) => el("section", {}, el("h4", {}, key[0].toUpperCase() + key.slice(1)), el("p", { class: "plain-text" }, report[key]))),
  );
  box.querySelector("[data-part=source]").textContent = reference.source ? `Source: ${reference.source}. Not seen by the model.` : "Not seen by the model.";
}
