// "Your uploads" as a whole: the rows of all files, what is left to do, and the buttons for all of them.

import { announce } from "./dom.js";
import { sending, UploadTask } from "./upload_task.js";

// More rows than these are not shown at once; the line above counts all.
const MOST_ROWS = 200;
const SHARE = { waiting: 0, sending: 0.3, analysing: 0.6, done: 1, error: 1 };
const byId = (id) => document.getElementById(id);

export class UploadBatch {
  #limits;
  #onStudy;
  #onAlone;
  #tasks = new Set();
  #section = byId("uploads");
  #rows = byId("upload-rows");
  #skipped = [];

  /** onStudy() is called when studies may have been taken or have ended; onAlone(study) when the only upload is analysed, and there is nothing to read in its row. */
  constructor({ limits, onStudy, onAlone }) {
    this.#limits = limits;
    this.#onStudy = onStudy;
    this.#onAlone = onAlone;
    byId("batch-pause").addEventListener("click", () => this.#togglePause());
    byId("batch-retry").addEventListener("click", () => this.#retry());
    byId("batch-cancel").addEventListener("click", () => this.#cancelUnsent());
    byId("batch-clear").addEventListener("click", () => this.#clear());
  }

  get isActive() {
    return [...this.#tasks].some((task) => task.isActive);
  }

  add({ files, skipped }) {
    this.#skipped.push(...skipped);
    if (files.length) announce(files.length === 1 ? `Uploading ${files[0].name}.` : `Uploading ${files.length} files.`);
    const isAlone = files.length === 1 && !this.isActive;
    const options = { limits: this.#limits, onChange: (task) => this.#change(task, isAlone), onRemove: (task) => this.#remove(task) };
    const tasks = files.map((file) => new UploadTask(file, options));
    for (const task of tasks) {
      this.#tasks.add(task);
      if (this.#rows.childElementCount < MOST_ROWS) this.#rows.append(task.row.element);
    }
    this.#show();
    this.#section.hidden = false;
    this.#section.scrollIntoView({ block: "nearest" });
    for (const task of tasks) task.run();
  }

  #change(task, isAlone) {
    if (!task.row.element.isConnected && task.state !== "waiting") this.#rows.append(task.row.element);
    if (this.#rows.childElementCount > MOST_ROWS && task.state === "done") task.row.element.remove();
    this.#show();
    // An archive becomes studies while it is still being read.
    if (task.state !== "waiting") this.#onStudy();
    if (task.state === "done" && isAlone && task.studies.length === 1 && !task.lacksRecord) this.#onAlone(task.studies[0]);
  }

  #remove(task) {
    const { element } = task.row;
    const hadFocus = element.contains(document.activeElement);
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    this.#drop(task);
    // The focus was on a button that is gone now.
    if (hadFocus) (neighbour?.querySelector("button, a") ?? byId("file-input")).focus();
  }

  #drop(task) {
    task.cancel();
    task.row.element.remove();
    this.#tasks.delete(task);
    this.#show();
  }

  #togglePause() {
    if (sending.isPaused) sending.resume();
    else sending.pause();
    announce(sending.isPaused ? "Uploading is paused." : "Uploading goes on.");
    this.#show();
  }

  #retry() {
    for (const task of this.#tasks) if (task.canRetry && task.state === "error") task.run();
  }

  #cancelUnsent() {
    for (const task of this.#tasks) if (task.isUnsent) this.#drop(task);
    sending.resume();
    this.#show();
    this.#focusTitle();
  }

  #clear() {
    for (const task of this.#tasks) if (!task.isActive) this.#drop(task);
    this.#skipped = [];
    this.#show();
    this.#focusTitle();
  }

  #focusTitle() {
    (this.#section.hidden ? byId("file-input") : byId("uploads-title")).focus();
  }

  #show() {
    const tasks = [...this.#tasks];
    const count = (test) => tasks.filter(test).length;
    const done = count((task) => task.state === "done");
    const failed = count((task) => task.state === "error");
    const unsent = count((task) => task.isUnsent);
    const analysing = count((task) => task.state === "analysing");
    const isMany = tasks.length > 1;

    this.#section.hidden = tasks.length === 0 && this.#skipped.length === 0;
    const parts = [`${done} of ${tasks.length} done`];
    if (analysing) parts.push(`${analysing} at the server`);
    if (unsent) parts.push(`${unsent} to be sent${sending.isPaused ? ", paused" : ""}`);
    if (failed) parts.push(`${failed} failed`);
    byId("batch-line").textContent = parts.join(" · ");
    byId("batch-line").hidden = byId("batch-progress").hidden = !isMany;
    byId("batch-progress").value = tasks.length ? tasks.reduce((sum, task) => sum + SHARE[task.state], 0) / tasks.length : 0;

    byId("batch-pause").hidden = !(isMany && (unsent || sending.isPaused));
    byId("batch-pause").textContent = sending.isPaused ? "Go on" : "Pause";
    byId("batch-cancel").hidden = !(isMany && unsent);
    byId("batch-retry").hidden = count((task) => task.canRetry && task.state === "error") < 2;
    byId("batch-clear").hidden = done + failed === 0 && this.#skipped.length === 0;
    this.#showSkipped(tasks.length);
  }

  #showSkipped(taken) {
    const line = byId("batch-skipped");
    const number = this.#skipped.length;
    line.hidden = number === 0;
    if (number === 0) return;
    const names = this.#skipped.slice(0, 5).join(", ");
    const which = number > 5 ? `${names} and ${number - 5} more` : names;
    line.textContent = `${number} file${number === 1 ? " that is" : "s that are"} plainly no radiograph${number === 1 ? " was" : "s were"} left out: ${which}.${taken ? "" : " Nothing else was in the folder."}`;
  }
}
