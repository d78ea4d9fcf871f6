// A file of many studies that takes longer than one answer: has it made, says how far it is, and saves it.

import { askForExport, getExport } from "./api.js";
import { announce, sleep } from "./dom.js";

const ASK_MS = 1000;

/** Shows on the link what goes on; it reads as before once the file is there. */
export async function saveExport(link, parameters) {
  if (link.ariaBusy === "true") return;
  const label = link.textContent;
  link.ariaBusy = "true";
  try {
    let made = await askForExport(parameters);
    announce("The file is being made");
    while (made.status === "queued" || made.status === "running") {
      link.textContent = `Making the file, ${Math.round(100 * made.progress)}%`;
      await sleep(ASK_MS);
      made = await getExport(made.links);
    }
    if (made.error) throw new Error(made.error.message);
    saveFrom(made.links.file);
    announce("The file is saved");
  } finally {
    link.textContent = label;
    link.ariaBusy = null;
  }
}

function saveFrom(url) {
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = "";
  anchor.click();
}
