// One file on its way: sent, accepted, analysed. Drives its row and reports each change.

import { ApiError, checkRecord, uploadStudy } from "./api.js";
import { sleep } from "./dom.js";
import { followStudy } from "./follow.js";
import { Limiter } from "./limiter.js";
import { UploadRow } from "./upload_row.js";

const LONGEST_BUSY_WAIT_S = 60;
// Analyses end in the order of arrival: following a few of hundreds is enough to see each of them end.
const following = new Limiter(4);

export const sending = new Limiter(2);

export class UploadTask {
  #file;
  #name;
  #limits;
  #onChange;
  #cancel = new AbortController();
  #force = false;
  /** A file, then {text, lines} of what was read. */
  #record;

  /**
   * onChange(task) is called at each change of its state: waiting, sending, analysing, done, error. At the end
   * task.studies holds what was analysed, and task.lacksRecord whether its health record was left out; onRemove(task) follows the button of the row.
   */
  constructor({ file, name, record = null }, { limits, onChange, onRemove }) {
    this.#file = file;
    this.#name = name;
    this.#record = record;
    this.#limits = limits;
    this.#onChange = onChange;
    this.state = "waiting";
    this.canRetry = false;
    this.studies = [];
    this.lacksRecord = false;
    this.row = new UploadRow({ name, size: file.size, onRemove: () => onRemove(this) });
    this.row.showWaiting();
  }

  get isActive() {
    return this.state !== "done" && this.state !== "error";
  }

  /** Sending has not ended: a study that the server has is not taken back. */
  get isUnsent() {
    return this.state === "waiting" || this.state === "sending";
  }

  cancel() {
    this.#cancel.abort();
  }

  async run() {
    this.#enter("waiting");
    try {
      await this.#sendAndFollow();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#fail(error.message, { canRetry: error.isPassing ?? false, canInsist: error.isDoubt ?? false, refused: error.answer?.refused });
    }
  }

  /** Has the file judged though it was refused. */
  insist() {
    this.#force = true;
    return this.run();
  }

  async #sendAndFollow() {
    const isArchive = await beginsAsZip(this.#file);
    const maxMb = isArchive ? this.#limits.maxArchiveMb : this.#limits.maxMb;
    if (this.#file.size > maxMb * 1024 * 1024) {
      this.#fail(`This file is larger than the limit of ${maxMb} MB${isArchive ? " for a zip archive" : ""}.`);
      return;
    }
    this.row.showWaiting();
    await this.#readRecord(isArchive);
    const answer = await sending.run(() => this.#send());
    this.#enter("analysing");
    if (answer.studies) await this.#followAll(answer);
    else await this.#followOne(answer);
  }

  /** A record that cannot be used is told, and keeps no radiograph from being read. */
  async #readRecord(isArchive) {
    if (this.#record === null) return;
    try {
      if (isArchive) throw new ApiError("It belongs to one radiograph, and an archive holds several.");
      if (this.#record instanceof File) {
        const text = await this.#record.text();
        this.#record = { text, lines: (await checkRecord(text)).lines };
      }
      this.row.showRecord(`Health record, as it was read: ${this.#record.lines.join("; ")}.`);
    } catch (error) {
      this.#record = null;
      this.lacksRecord = true;
      const why = error.name === "ApiError" ? error.message : "This file cannot be read.";
      this.row.showRecord(`The radiograph is read without its health record. ${why} A record can be added on the study's page, under More.`, { isRefused: true });
    }
  }

  async #followOne({ id }) {
    this.row.showAnalysing({ id, status: "queued", progress: 0 });
    const study = await following.run(() => this.#follow(id, (answer) => this.row.showAnalysing(answer)));
    if (study.status === "failed") {
      this.#fail(study.error.message);
      return;
    }
    this.studies = [study];
    this.row.showDone(study);
    this.#enter("done");
  }

  async #followAll({ studies, refused, skipped }) {
    const ended = [];
    const show = () => this.row.showArchive({ total: studies.length, ended, refused, skipped });
    show();
    await Promise.all(
      studies.map(({ id }) =>
        following.run(async () => {
          ended.push(await this.#follow(id, () => {}));
          show();
        }),
      ),
    );
    this.studies = ended.filter((study) => study.status === "done");
    this.#enter("done");
  }

  async #follow(id, onChange) {
    try {
      return await followStudy(id, { onChange, signal: this.#cancel.signal });
    } catch (error) {
      if (error.status === 404) return { id, status: "failed", error: { message: "The study was deleted meanwhile." } };
      throw error;
    }
  }

  async #send() {
    const { signal } = this.#cancel;
    for (;;) {
      signal.throwIfAborted();
      this.#enter("sending");
      try {
        this.row.showSending(0);
        return await uploadStudy(this.#file, this.#name, { signal, record: this.#record?.text ?? null, force: this.#force, onProgress: (fraction) => this.row.showSending(fraction) });
      } catch (error) {
        if (!error.isBusy) throw error;
        await this.#waitWhileBusy(error);
      }
    }
  }

  async #waitWhileBusy(error) {
    for (let left = Math.min(error.retryAfter, LONGEST_BUSY_WAIT_S); left > 0; left -= 1) {
      this.row.showBusy(error.message, left);
      await sleep(1000, this.#cancel.signal);
    }
  }

  #fail(message, { canRetry = false, canInsist = false, refused = [] } = {}) {
    this.canRetry = canRetry;
    this.row.showError(message, { onRetry: canRetry ? () => this.run() : null, onInsist: canInsist ? () => this.insist() : null, refused });
    this.#enter("error");
  }

  #enter(state) {
    this.state = state;
    this.#onChange(this);
  }
}

/** The server decides by the content as well. A file that cannot be read any more fails when it is sent. */
async function beginsAsZip(file) {
  try {
    const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    return start[0] === 0x50 && start[1] === 0x4b && (start[2] === 3 || start[2] === 5);
  } catch {
    return false;
  }
}
