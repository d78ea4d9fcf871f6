// One line of "Your uploads": shows the state of one file, decides nothing.

import { studyPage } from "./api.js";
import { announce, el } from "./dom.js";
import { decisionCounts, fileSize, percent } from "./format.js";
import { status } from "./marks.js";

export class UploadRow {
  #name;
  #onRemove;
  #state = el("div");
  #record = el("p", { class: "record-said", hidden: true, data: { testid: "record-said" } });
  #progress = el("progress", { class: "progress", max: "1", data: { testid: "progress" } });
  #refused = el("details", { class: "refused", hidden: true, data: { testid: "refused" } });
  #actions = el("div", { class: "row-actions" });

  constructor({ name, size, onRemove }) {
    this.#name = name;
    this.#onRemove = onRemove;
    this.#progress.setAttribute("aria-label", `Progress of ${name}`);
    this.element = el(
      "li",
      { class: "upload-row", data: { testid: "upload-row" } },
      el(
        "div",
        {},
        el("div", { class: "file-line" }, el("span", { class: "file-name" }, name), el("span", { class: "file-size" }, fileSize(size))),
        this.#state,
        this.#record,
        this.#progress,
        this.#refused,
      ),
      this.#actions,
    );
  }

  showWaiting() {
    this.#showRefused([]);
    this.#show("waiting", status("queued", "Waiting to be sent"), { progress: 0, actions: [this.#removeButton("Cancel")] });
  }

  /** What was read of the health record that goes with the file, or why it does not. */
  showRecord(message, { isRefused = false } = {}) {
    this.#record.hidden = false;
    this.#record.dataset.state = isRefused ? "refused" : "read";
    this.#record.textContent = message;
    announce(`${this.#name}: ${message}`);
  }

  showSending(fraction) {
    // All bytes sent is not yet accepted: the server still reads the file.
    const text = fraction < 1 ? `Sending, ${Math.floor(fraction * 100)}%` : "Sent; the server is reading the file";
    this.#show("sending", status("running", text), { progress: fraction, actions: [this.#removeButton("Cancel")] });
  }

  showBusy(message, seconds) {
    this.#show("busy", status("queued", `${message} Trying again in ${seconds} s.`), { progress: 0, actions: [this.#removeButton("Cancel")] });
  }

  showAnalysing(study) {
    const text = study.status === "queued" ? "Waiting for analysis" : `Analysing, ${percent(study.progress)}`;
    const name = study.status === "queued" ? "queued" : "running";
    this.#show("analysing", status(name, text), { progress: study.progress, actions: [this.#openLink(study.id)] });
  }

  showDone(study) {
    const count = (decision) => study.findings.filter((finding) => finding.decision === decision).length;
    const summary = decisionCounts(count("present"), count("possible"));
    this.#show("done", status("done", `Done: ${summary}`), { actions: [this.#openLink(study.id, true)] });
    announce(`${this.#name}: analysis done. ${summary}.`);
  }

  /** An archive: total studies were taken, of which those in ended are done or have failed. */
  showArchive({ total, ended, refused, skipped }) {
    const isDone = ended.length === total;
    const failed = ended.filter((study) => study.status === "failed").length;
    const parts = [`${ended.length - failed} of ${countOf(total, "radiograph")} analysed`];
    if (failed) parts.push(`${failed} failed, see the worklist`);
    if (refused.length) parts.push(`${countOf(refused.length, "file")} refused`);
    if (skipped) parts.push(`${countOf(skipped, "system file")} skipped`);
    const line = status(isDone ? "done" : "running", parts.join("; "));
    this.#showRefused(refused);
    this.#show(isDone ? "done" : "analysing", line, {
      progress: isDone ? null : ended.length / total,
      actions: [isDone ? this.#removeButton("Remove") : null],
    });
    if (isDone) announce(`${this.#name}: ${parts.join("; ")}.`);
  }

  showError(message, { onRetry = null, onInsist = null, refused = [] } = {}) {
    const line = status("failed", message);
    line.dataset.testid = "upload-error";
    const retry = onRetry && el("button", { class: "button button-small", type: "button", onclick: onRetry }, "Try again");
    const insist = onInsist && el("button", { class: "button button-small", type: "button", "aria-label": `Judge ${this.#name} anyway`, data: { testid: "judge-anyway" }, onclick: onInsist }, "Judge anyway");
    this.#showRefused(refused);
    this.#show("error", line, { actions: [retry, insist, this.#removeButton("Remove")] });
    announce(`${this.#name}: ${message}`);
  }

  #showRefused(refused) {
    this.#refused.hidden = refused.length === 0;
    if (refused.length === 0) this.#refused.replaceChildren();
    // Built once: progress must not close what the reader has opened.
    if (this.#refused.hidden || this.#refused.childElementCount) return;
    this.#refused.replaceChildren(
      el("summary", {}, "Which, and why"),
      el("ul", {}, ...refused.map(({ filename, message }) => el("li", {}, el("strong", {}, filename), ` ${message}`))),
    );
  }

  #show(state, line, { progress = null, actions }) {
    if (this.element.dataset.state !== state) {
      // Progress must not rebuild the buttons, or each step would take the focus from them.
      this.#actions.replaceChildren(...actions.filter(Boolean));
      this.element.dataset.state = state;
    }
    this.#state.replaceChildren(line);
    this.#progress.hidden = progress === null;
    this.#progress.value = progress ?? 0;
  }

  #openLink(id, primary = false) {
    const kind = primary ? "button button-small button-primary" : "button button-small";
    return el("a", { class: kind, href: studyPage(id), "aria-label": `Open ${this.#name}` }, "Open");
  }

  #removeButton(text) {
    return el("button", { class: "button button-small", type: "button", "aria-label": `${text} ${this.#name}`, onclick: this.#onRemove }, text);
  }
}

const countOf = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
