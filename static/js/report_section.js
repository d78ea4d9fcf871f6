// The report section of the study page: the texts that there are, the editor, the signature.

import { announce, sleep } from "./dom.js";
import { followStudy } from "./follow.js";
import { ReportView } from "./report_view.js";
import { CompareView } from "./review/compare_view.js";
import { changesInWords } from "./review/differences.js";
import { ReopenDialog, rememberedName, SignDialog } from "./review/dialogs.js";
import { Editor } from "./review/editor.js";
import { Notices } from "./review/notices.js";
import { renderPrint } from "./review/print_view.js";
import { renderRecord } from "./review/record_view.js";
import { renderReference } from "./review/reference_view.js";
import { getReview, reopenReview, sameText, signReview, written } from "./review/review_api.js";
import { isBeingWritten, renderRewrite } from "./review/rewrite_view.js";
import { Saver } from "./review/saver.js";
import { listenForShortcuts } from "./review/shortcuts.js";
import { savingMark, stateMark } from "./review/states.js";
import { NAMES, TextSwitch } from "./review/text_switch.js";
import { Texts } from "./review/texts.js";

const RETRY_MS = 3000;
// The server decides; a page that offers what it refuses would only mislead.
const MAY_REVIEW = document.documentElement.dataset.role !== "uploader";
const byId = (id) => document.getElementById(id);

export class ReportSection {
  #texts;
  #root = byId("report");
  #view;
  #restored = null;
  #saver;
  #editor;
  #switch = new TextSwitch((source) => this.#show(source));
  #notices = new Notices();
  #compare;
  #sign = new SignDialog();
  #reopen = new ReopenDialog();
  #channel;

  /** onSentence gets the findings of a clicked or focused sentence. */
  constructor(study, { onSentence }) {
    this.#texts = new Texts(study);
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
    this.#root.classList.toggle("has-reference", renderReference(byId("reference"), study.reference));
    this.#load();
    if (isBeingWritten(study)) this.#followRewrite();
  }

  /** Highlights the sentences that rest on the selected finding; null clears. */
  setSelected(name) {
    this.#view.setSelected(name);
  }

  /** The text to edit or sign, the draft that it was made from, and the revision that it follows. */
  get #current() {
    return this.#editor.isOpen ? this.#saver.body : this.#texts.next;
  }

  async #load() {
    for (;;) {
      try {
        this.#take(await getReview(this.#texts.study.id));
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
    this.#saver.start(this.#texts.review);
    if (left && !sameText(left.text, this.#texts.review.text)) this.#restore(left);
    byId("report-edit").disabled = !MAY_REVIEW;
    byId("report-sign").disabled = !MAY_REVIEW;
    this.#root.dataset.ready = "true";
  }

  #restore(left) {
    const { state, revision, text } = this.#texts.review;
    if (state === "signed") {
      this.#keepBeside(left.text, left.draft);
      return;
    }
    this.#open(left.text, left.draft);
    // A save that arrived without its answer is no conflict.
    const isOurs = left.revision === revision || left.sent.some((sent) => sameText(sent, text));
    if (isOurs) {
      this.#notices.restored(left.time, () => this.#editor.focus());
      this.#saver.change(left.text, left.draft);
    } else {
      this.#saver.block();
      this.#saver.change(left.text, left.draft);
      this.#conflict(this.#texts.review);
    }
  }

  // Editing

  #open(text, draft) {
    this.#root.dataset.mode = "edit";
    if (this.#texts.shown === "reviewer") this.#texts.shown = draft;
    this.#editor.open(text, this.#texts.base(draft));
    this.#render();
  }

  #edit() {
    if (!MAY_REVIEW || this.#editor.isOpen || this.#texts.review === null || this.#texts.isSigned) return false;
    const { text, draft } = this.#current;
    // Nothing is sent before the first change; then the draft that was shown is its start.
    this.#saver.start({ ...this.#texts.review, text }, draft);
    this.#open(text, draft);
    this.#showSaving(this.#texts.review.saved_at ? "saved" : "untouched", this.#texts.review.saved_at);
    this.#editor.focus();
    announce("The editor is open. Escape leaves it; nothing is lost.");
    return true;
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
    if (this.#texts.isReviewed) this.#texts.shown = "reviewer";
    this.#render();
  }

  #saved(review) {
    this.#channel.postMessage({ revision: review.revision });
    this.#take(review);
  }

  /** Takes over a review of the server; the text being edited stays. */
  #take(review) {
    const wasReviewed = this.#texts.isReviewed;
    this.#texts.review = review;
    if (this.#texts.isReviewed && !wasReviewed && !this.#editor.isOpen) this.#texts.shown = "reviewer";
    this.#render();
  }

  #showSaving(name, detail) {
    const mark = savingMark(name, detail);
    const line = byId("save-state");
    line.dataset.state = name;
    // The same words again would be read out again.
    if (line.textContent !== mark.textContent) line.replaceChildren(mark);
    byId("report-save").disabled = ["saved", "untouched", "conflict"].includes(name);
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
        this.#editor.show(this.#saver.text, this.#texts.base(this.#saver.body.draft));
        this.#editor.focus();
      },
      onOther: () => {
        this.#saver.start(review);
        this.#editor.show(review.text, this.#texts.base(review.draft));
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
    this.#notices.signedMeanwhile(text, this.#texts.review, {
      onDiscard: () => {
        this.#restored = null;
        this.#saver.start(this.#texts.review);
      },
    });
  }

  async #refresh() {
    if (this.#texts.review === null || this.#saver.isDirty) return;
    let review;
    try {
      review = await getReview(this.#texts.study.id);
    } catch {
      return;
    }
    // Typing may have begun while the answer was on its way.
    if (review.revision === this.#texts.review.revision || this.#saver.isDirty) return;
    this.#saver.start(review);
    this.#take(review);
    if (!this.#editor.isOpen) return;
    if (review.state === "signed") this.#close();
    else this.#editor.show(review.text, this.#texts.base(review.draft));
    announce("The report was changed elsewhere; the newer text is shown.");
  }

  // Signature

  #askToSign() {
    if (!MAY_REVIEW || this.#texts.review === null || this.#texts.isSigned) return false;
    const { text, draft, revision } = this.#current;
    const { version } = this.#texts.review;
    const changes = changesInWords(this.#texts.base(draft), text);
    const base = version > 1 ? "the version signed before" : "the draft";
    this.#sign.open(text, `Version ${version}: ${changes ? `${changes} against ${base}` : `as ${base}`}.`, async ({ name }) => {
      await this.#saver.flush();
      const follows = this.#editor.isOpen ? this.#saver.body.revision : revision;
      await this.#settle(signReview(this.#texts.study.id, { text, draft, name, revision: follows }));
      byId("report-reopen").focus();
      announce(`Signed by ${this.#texts.review.signed_by}.`);
    });
    return true;
  }

  #askToReopen() {
    this.#reopen.open(async ({ name, reason }) => {
      const kept = this.#restored;
      await this.#settle(reopenReview(this.#texts.study.id, { name, reason, revision: this.#texts.review.revision }));
      this.#notices.hide("signed");
      this.#restored = null;
      if (kept) {
        this.#open(kept.text, this.#texts.review.draft);
        this.#saver.change(kept.text, this.#texts.review.draft);
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
    const study = await followStudy(this.#texts.study.id, {
      isEnd: (answer) => !isBeingWritten(answer),
      onChange: ({ rewrite }) => this.#showRewrite(rewrite),
    }).catch((error) => ({ ...this.#texts.study, rewrite: { status: "failed", message: error.message } }));
    this.#texts.study = study;
    const hasRewrite = study.report.source === "vlm";
    if (!this.#editor.isOpen && !this.#texts.isReviewed) {
      if (hasRewrite) this.#texts.shown = "vlm";
      await this.#refreshDraft();
    } else if (hasRewrite) {
      this.#notices.show("rewrite", "The rewritten draft is ready. Your text stays as it is.", {
        actions: [["Show it", () => this.#show("vlm")], ["Start anew from it", () => this.#startFrom("vlm")]],
      });
    }
    this.#render();
  }

  async #refreshDraft() {
    const review = await getReview(this.#texts.study.id).catch(() => null);
    if (review === null || this.#editor.isOpen) return;
    this.#saver.start(review);
    this.#take(review);
  }

  /** The text so far stays in the record. */
  async #startFrom(draft) {
    if (this.#texts.isSigned) return;
    if (this.#editor.isOpen && !(await this.#saver.flush())) return;
    const text = written(this.#texts.drafts[draft]);
    this.#texts.shown = draft;
    this.#open(text, draft);
    this.#saver.change(text, draft);
    this.#editor.focus();
  }

  #showRewrite(rewrite) {
    this.#texts.study = { ...this.#texts.study, rewrite };
    renderRewrite(byId("rewrite"), rewrite);
  }

  // Rendering

  #show(source) {
    this.#texts.shown = source;
    this.#render();
  }

  #render() {
    const isEditing = this.#editor.isOpen;
    const reports = isEditing ? this.#texts.drafts : this.#texts.reports;
    const choices = Object.keys(reports);
    if (!choices.includes(this.#texts.shown)) this.#texts.shown = choices[0];
    this.#switch.render(choices, this.#texts.shown);
    this.#view.show(reports[this.#texts.shown]);
    // How the rewritten draft came about is of no concern beside another text.
    const isConcerned = this.#texts.shown === "vlm" || !this.#texts.drafts.vlm;
    renderRewrite(byId("rewrite"), isConcerned ? this.#texts.study.rewrite : null);
    this.#renderReview(isEditing);
  }

  #renderReview(isEditing) {
    const review = this.#texts.review;
    const isSigned = review?.state === "signed";
    byId("report-state").replaceChildren(stateMark(review));
    byId("report-edit").hidden = isEditing || isSigned;
    byId("report-done").hidden = !isEditing;
    byId("report-save").hidden = !isEditing;
    byId("report-sign").hidden = isSigned;
    byId("report-reopen").hidden = !isSigned || !MAY_REVIEW;
    this.#root.dataset.review = review?.state ?? "loading";
    if (review === null) return;
    renderRecord(this.#texts.study.id, review.record);
    this.#compare.update(Object.entries(this.#texts.drafts).map(([source, report]) => [NAMES[source], report]), review);
    renderPrint(review, this.#texts.reports, this.#texts.shown);
  }

  #listen() {
    byId("report-edit").disabled = true;
    byId("report-sign").disabled = true;
    byId("report-edit").addEventListener("click", () => this.#edit());
    byId("report-done").addEventListener("click", () => this.#leave());
    byId("report-save").addEventListener("click", () => this.#saver.flush());
    byId("report-sign").addEventListener("click", () => this.#askToSign());
    byId("report-reopen").addEventListener("click", () => this.#askToReopen());
    listenForShortcuts({
      edit: () => this.#edit(),
      leave: () => this.#editor.hasFocus && this.#leave(),
      save: () => this.#editor.isOpen && this.#saver.flush(),
      sign: () => this.#askToSign(),
    });
    this.#channel.addEventListener("message", () => this.#refresh());
    window.addEventListener("pagehide", () => this.#saver.flush({ keepalive: true }));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#refresh();
      else this.#saver.flush();
    });
  }
}
