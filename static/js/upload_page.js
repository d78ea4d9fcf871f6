// Start of the upload page: files in, rows out, samples, the worklist below.

import { chooseSample, studyPage } from "./api.js";
import { announce } from "./dom.js";
import { listenForFiles } from "./file_sources.js";
import { NextRecord } from "./next_record.js";
import { withRecords } from "./record_pairs.js";
import { UploadBatch } from "./upload_batch.js";
import { Worklist } from "./worklist.js";

const byId = (id) => document.getElementById(id);
const { maxMb, maxArchiveMb } = byId("main").dataset;
const worklist = new Worklist({ isAwaited: () => uploads.isActive });
const record = new NextRecord();
const uploads = new UploadBatch({
  limits: { maxMb: Number(maxMb), maxArchiveMb: Number(maxArchiveMb) },
  onStudy: () => worklist.refreshSoon(),
  onAlone: (study) => location.assign(studyPage(study.id)),
});

/** Radiographs are sent, each with its health record; a record by itself waits for the next radiograph. */
async function addFiles({ files, skipped, beside }) {
  const { images, loose } = withRecords(files, beside);
  const unclear = loose.filter((one) => !beside.includes(one));
  const left = [...skipped, ...loose.filter((one) => beside.includes(one)).map(({ name }) => name)];
  if (images.length === 0 && unclear.length === 1) await record.readFile(unclear[0].file);
  else if (unclear.length) record.refuse(`It is not clear whose health record ${unclear.map(({ name }) => name).join(", ")} is: drop it with one radiograph, or call it as its radiograph is called.`);
  if (images.length === 1 && !images[0].record && record.isThere) images[0].record = record.take();
  else if (images.length > 1 && record.isThere) record.keepWaiting(images.length);
  if (images.length || left.length) uploads.add({ files: images, skipped: left });
  else if (unclear.length === 0) announce("There is no file in that folder.");
}

async function addPhantom(button) {
  button.disabled = true;
  byId("sample-error").textContent = "";
  try {
    const response = await fetch(button.dataset.url);
    if (!response.ok) throw new Error();
    const blob = await response.blob();
    const name = button.dataset.filename;
    addFiles({ files: [{ file: new File([blob], name, { type: blob.type }), name }], skipped: [], beside: [] });
  } catch {
    byId("sample-error").textContent = "The phantom could not be loaded from the server.";
  } finally {
    button.disabled = false;
  }
}

async function openSample(button) {
  if (record.isThere) {
    byId("sample-error").textContent = "A health record goes with an uploaded radiograph, not with a sample: remove it first.";
    return;
  }
  button.disabled = true;
  button.dataset.state = "opening";
  byId("sample-error").textContent = "";
  announce(`Analysing ${button.dataset.name}.`);
  try {
    location.assign(studyPage((await chooseSample(button.dataset.sample)).id));
  } catch (error) {
    byId("sample-error").textContent = `${button.dataset.name}: ${error.message}`;
  } finally {
    button.disabled = false;
    delete button.dataset.state;
  }
}

listenForFiles(byId("file-input"), byId("folder-input"), addFiles);
for (const button of document.querySelectorAll(".sample")) button.addEventListener("click", () => addPhantom(button));
for (const button of document.querySelectorAll(".sample-tile")) button.addEventListener("click", () => openSample(button));
// Going back to this page must not show a list from before.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) worklist.refresh();
});
worklist.refresh();
