// Start of the upload page: files in, rows out, samples, the worklist below.

import { chooseSample, studyPage } from "./api.js";
import { announce } from "./dom.js";
import { listenForFiles } from "./file_sources.js";
import { UploadBatch } from "./upload_batch.js";
import { Worklist } from "./worklist.js";

const byId = (id) => document.getElementById(id);
const { maxMb, maxArchiveMb } = byId("main").dataset;
const worklist = new Worklist({ isAwaited: () => uploads.isActive });
const uploads = new UploadBatch({
  limits: { maxMb: Number(maxMb), maxArchiveMb: Number(maxArchiveMb) },
  onStudy: () => worklist.refreshSoon(),
  onAlone: (study) => location.assign(studyPage(study.id)),
});

function addFiles({ files, skipped }) {
  if (files.length || skipped.length) uploads.add({ files, skipped });
  else announce("There is no file in that folder.");
}

async function addPhantom(button) {
  button.disabled = true;
  byId("sample-error").textContent = "";
  try {
    const response = await fetch(button.dataset.url);
    if (!response.ok) throw new Error();
    const blob = await response.blob();
    const name = button.dataset.filename;
    addFiles({ files: [{ file: new File([blob], name, { type: blob.type }), name }], skipped: [] });
  } catch {
    byId("sample-error").textContent = "The phantom could not be loaded from the server.";
  } finally {
    button.disabled = false;
  }
}

async function openSample(button) {
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
