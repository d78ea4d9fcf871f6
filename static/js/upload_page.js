// Start of the upload page: files in, rows out, the list of studies below.

import { studyPage } from "./api.js";
import { announce } from "./dom.js";
import { listenForFiles } from "./file_sources.js";
import { StudyList } from "./study_list.js";
import { UploadRow } from "./upload_row.js";
import { UploadTask } from "./upload_task.js";

const maxMb = Number(document.getElementById("main").dataset.maxMb);
const uploads = document.getElementById("uploads");
const rows = document.getElementById("upload-rows");
const tasks = new Set();
const studies = new StudyList(...["study-list", "studies-count", "studies-csv"].map((id) => document.getElementById(id)));

function addFiles(files) {
  announce(files.length === 1 ? `Uploading ${files[0].name}.` : `Uploading ${files.length} files.`);
  for (const file of files) {
    const task = new UploadTask(file, {
      maxMb,
      onEnd: (study) => finish(study, files.length === 1),
      onRemove: (removed) => {
        tasks.delete(removed);
        removeRow(removed.row);
      },
    });
    tasks.add(task);
    addRow(task.row);
    task.run();
  }
}

function finish(study, wasAlone) {
  const othersActive = [...tasks].some((task) => task.isActive);
  if (study && wasAlone && !othersActive) location.assign(studyPage(study.id));
  else studies.refresh();
}

function refuseFolder(name) {
  const row = new UploadRow({ name, size: null, onRemove: () => removeRow(row) });
  row.showError("This is a folder; please open it and choose the files inside.");
  addRow(row);
}

function addRow(row) {
  rows.append(row.element);
  uploads.hidden = false;
  row.element.scrollIntoView({ block: "nearest" });
}

function removeRow(row) {
  const neighbour = row.element.nextElementSibling ?? row.element.previousElementSibling;
  row.element.remove();
  uploads.hidden = rows.childElementCount === 0;
  // The focus was on a button that is gone now.
  (neighbour?.querySelector("button, a") ?? document.getElementById("file-input")).focus();
}

async function addSample(button) {
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.url);
    if (!response.ok) throw new Error();
    const blob = await response.blob();
    addFiles([new File([blob], button.dataset.filename, { type: blob.type })]);
  } catch {
    const row = new UploadRow({ name: button.dataset.filename, size: null, onRemove: () => removeRow(row) });
    row.showError("The sample could not be loaded from the server.");
    addRow(row);
  } finally {
    button.disabled = false;
  }
}

listenForFiles(document.getElementById("file-input"), { onFiles: addFiles, onFolder: refuseFolder });
for (const button of document.querySelectorAll(".sample")) button.addEventListener("click", () => addSample(button));
// Going back to this page must not show a list from before.
window.addEventListener("pageshow", () => studies.refresh());
