// The texts of one study: its drafts and what a reviewer made of them.

import { written } from "./review_api.js";

export class Texts {
  /** study and review are those of the server, review null until it is loaded; shown names one of the reports. */
  constructor(study) {
    this.study = study;
    this.review = null;
    this.shown = study.report.source;
  }

  /** Whether somebody has edited or signed. */
  get isReviewed() {
    return this.review !== null && this.review.state !== "draft";
  }

  get isSigned() {
    return this.review?.state === "signed";
  }

  /** The drafts that there are, by source; the rewritten one first. */
  get drafts() {
    // Studies of earlier versions carry one report only.
    const { template, vlm } = this.study.reports ?? { [this.study.report.source]: this.study.report };
    return Object.fromEntries(Object.entries({ vlm, template }).filter(([, report]) => report));
  }

  /** All reports by source, the reviewer's first. */
  get reports() {
    return this.isReviewed ? { reviewer: this.review.report, ...this.drafts } : this.drafts;
  }

  /** What is edited or signed next: {text, draft, revision}. Before the first edit that is the draft that is shown. */
  get next() {
    const { revision, text, draft } = this.review;
    return this.isReviewed ? { text, draft, revision } : { text: written(this.reports[this.shown]), draft: this.shown, revision };
  }

  /** What differences of a text made from this draft are shown against. */
  base(draft) {
    if (this.review.version > 1 || draft === this.review.draft) return this.review.base;
    return written(this.drafts[draft]);
  }
}
