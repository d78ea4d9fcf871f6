// One line of "Your uploads": shows the state of one file, decides nothing.

import { studyPage } from "./api.js";
import { announce, el } from "./dom.js";
import { decisionCounts, fileSize, percent } from "./format.js";
import { status } from "./marks.js";

export class UploadRow {
  #name;
  #onRemove;
  #state = el("div");
  #progress = el("progress", { class: "progress", max: "1", data: { testid: "progress" } });
  #actions = el("div", { class: "row-actions" });

  constructor({ name, size, onRemove }) {
    this.#name = name;
    this.#onRemove = onRemove;
    this.#progress.setAttribute("aria-label", `Progress of ${name}`);
    const sizeText = size === null ? null : el("span", { class: "file-size" }, fileSize(size));
    this.element = el(
      "li",
      { class: "upload-row", data: { testid: "upload-row" } },
      el("div", {}, el("div", { class: "file-line" }, el("span", { class: "file-name" }, name), sizeText), this.#state, this.#progress),
      this.#actions,
    );
  }

  showWaiting() {
    this.#show("waiting", status("queued", "Waiting to be sent"), { progress: 0, actions: [this.#removeButton("Cancel")] });
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

  showError(message, { onRetry = null } = {}) {
    const line = status("failed", message);
    line.dataset.testid = "upload-error";
    const retry = onRetry && el("button", { class: "button button-small", type: "button", onclick: onRetry }, "Try again");
    this.#show("error", line, { actions: [retry, this.#removeButton("Remove")] });
    announce(`${this.#name}: ${message}`);
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
