// Brings the edited text to the server, and keeps it in this browser until it is there.

import { LocalCopy } from "./local_copy.js";
import { sameText, saveReview } from "./review_api.js";

const PAUSE_MS = 1200;
const LONGEST_WAIT_MS = 10000;
const RETRY_MS = 4000;
const SENT_KEPT = 3;

export class Saver {
  #studyId;
  #copy;
  #events;
  #author;
  #revision = 0;
  #draft = "template";
  #text = null;
  #saved = null;
  // What the server may have by now although its answer did not arrive.
  #sent = [];
  #isBlocked = false;
  #isKept = true;
  #timer = null;
  #due = null;
  #running = null;

  /**
   * onState(name, detail): pending, saving, saved, away (kept here or not), refused (with a message).
   * onSaved(review): the server has the text. onConflict(review, error): it has another one, and nothing was overwritten.
   */
  constructor(studyId, { author, ...events }) {
    this.#studyId = studyId;
    this.#author = author;
    this.#events = events;
    this.#copy = new LocalCopy(studyId);
  }

  get isDirty() {
    return this.#text !== null && !sameText(this.#text, this.#saved);
  }

  get text() {
    return this.#text;
  }

  get body() {
    return { revision: this.#revision, text: this.#text, draft: this.#draft };
  }

  /** What an earlier page left unsaved, or null. To be called once, before anything is changed. */
  leftBehind() {
    return this.#copy.take();
  }

  /** Takes over a review as the server has it. */
  start(review, draft = review.draft) {
    clearTimeout(this.#timer);
    this.#revision = review.revision;
    this.#draft = draft;
    this.#text = review.text;
    this.#saved = review.text;
    this.#sent = [];
    this.#isBlocked = false;
    this.#copy.drop();
  }

  /** A changed text: kept here at once, sent after a short pause. */
  change(text, draft = this.#draft) {
    this.#text = text;
    this.#draft = draft;
    if (!this.isDirty) {
      this.#copy.drop();
      return;
    }
    this.#isKept = this.#copy.keep({ ...this.body, sent: this.#sent });
    if (this.#isBlocked) return;
    this.#events.onState("pending");
    this.#due ??= Date.now() + LONGEST_WAIT_MS;
    this.#schedule(Math.min(PAUSE_MS, this.#due - Date.now()));
  }

  /** After a conflict: the text here goes on from the review that the server has. */
  rebase(review) {
    this.#revision = review.revision;
    this.#saved = review.text;
    this.#isBlocked = false;
    this.change(this.#text);
  }

  /** Nothing is sent until the conflict is resolved; the text stays in this browser. */
  block() {
    this.#isBlocked = true;
    clearTimeout(this.#timer);
  }

  /** Sends what is not saved yet, at once; true when the server has everything. */
  async flush({ keepalive = false } = {}) {
    clearTimeout(this.#timer);
    while (this.#running && !keepalive) await this.#running;
    if (this.isDirty && !this.#isBlocked) {
      this.#running = this.#send(keepalive).finally(() => {
        this.#running = null;
      });
      await this.#running;
    }
    return !this.isDirty;
  }

  #schedule(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.max(0, milliseconds));
  }

  async #send(keepalive) {
    const { body } = this;
    this.#due = null;
    this.#events.onState("saving");
    this.#sent = [...this.#sent.slice(-SENT_KEPT), body.text];
    this.#isKept = this.#copy.keep({ ...this.body, sent: this.#sent });
    try {
      this.#accept(await saveReview(this.#studyId, { ...body, author: this.#author() }, { keepalive }), body.text);
    } catch (error) {
      this.#refused(error);
    }
  }

  #accept(review, sent) {
    this.#revision = review.revision;
    this.#saved = sent;
    this.#sent = [];
    if (this.isDirty) this.#copy.keep({ ...this.body, sent: this.#sent });
    else this.#copy.drop();
    this.#events.onState(this.isDirty ? "pending" : "saved", review.saved_at);
    this.#events.onSaved(review);
  }

  #refused(error) {
    const code = error.answer?.error?.code;
    const review = ["conflict", "signed"].includes(code) ? error.answer.review : null;
    if (review && code === "conflict" && this.#sent.some((text) => sameText(text, review.text))) {
      // Our own text had arrived, only the answer had not.
      this.#accept(review, review.text);
      if (this.isDirty) this.#schedule(0);
    } else if (review) {
      this.block();
      this.#events.onConflict(review, error);
    } else if (error.isPassing) {
      this.#events.onState("away", this.#isKept);
      this.#schedule(RETRY_MS);
    } else {
      this.#events.onState("refused", error.message);
    }
  }
}
