// One file on its way: sent, accepted, analysed. Drives its row and reports the end.

import { uploadStudy } from "./api.js";
import { sleep } from "./dom.js";
import { followStudy } from "./follow.js";
import { createLimiter } from "./limiter.js";
import { UploadRow } from "./upload_row.js";

const BUSY_RETRIES = 4;
const LONGEST_BUSY_WAIT_S = 60;
const sendInTurn = createLimiter(2);

export class UploadTask {
  #file;
  #maxBytes;
  #onEnd;
  #cancel = new AbortController();

  /** onEnd(study or null) is called when the analysis is done, has failed, or was never reached. */
  constructor(file, { maxMb, onEnd, onRemove }) {
    this.#file = file;
    this.#maxBytes = maxMb * 1024 * 1024;
    this.#onEnd = onEnd;
    this.isActive = false;
    this.row = new UploadRow({
      name: file.name,
      size: file.size,
      onRemove: () => {
        this.#cancel.abort();
        onRemove(this);
      },
    });
  }

  async run() {
    this.isActive = true;
    let study = null;
    try {
      study = await this.#sendAndFollow();
    } catch (error) {
      if (error.name !== "AbortError") {
        const onRetry = error.isPassing ? () => this.run() : null;
        this.row.showError(error.message, { onRetry });
      }
    }
    this.isActive = false;
    this.#onEnd(study);
  }

  async #sendAndFollow() {
    if (this.#file.size > this.#maxBytes) {
      this.row.showError(`This file is larger than the limit of ${this.#maxBytes / 1024 / 1024} MB.`);
      return null;
    }
    this.row.showWaiting();
    const { id } = await sendInTurn(() => this.#send());
    const study = await followStudy(id, {
      onChange: (answer) => this.row.showAnalysing(answer),
      signal: this.#cancel.signal,
    });
    if (study.status === "failed") {
      this.row.showError(study.error.message);
      return null;
    }
    this.row.showDone(study);
    return study;
  }

  async #send() {
    const { signal } = this.#cancel;
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        this.row.showSending(0);
        return await uploadStudy(this.#file, { signal, onProgress: (fraction) => this.row.showSending(fraction) });
      } catch (error) {
        if (!error.isBusy || attempt === BUSY_RETRIES) throw error;
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
}
