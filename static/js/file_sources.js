// The ways a file can come in: the pickers, a drop anywhere on the page, the clipboard. Each gives {file, name}, where
// the name of a file from a folder is its path in it.

import { filesOfDrop, filesOfPicker } from "./folders.js";

/** Calls onFiles with {files: [{file, name}], skipped: [name], beside: [{file, name}]} for each choice, drop or paste. */
export function listenForFiles(fileInput, folderInput, onFiles) {
  const alone = (files) => ({ files: [...files].map((file) => ({ file, name: file.name })), skipped: [], beside: [] });

  for (const [input, read] of [[fileInput, alone], [folderInput, filesOfPicker]]) {
    input.addEventListener("change", () => {
      const chosen = read(input.files);
      // So that choosing the same again is a change again.
      input.value = "";
      onFiles(chosen);
    });
  }

  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) onFiles(alone(event.clipboardData.files));
  });

  listenForDrops(onFiles);
}

function listenForDrops(onFiles) {
  // Entering a child fires before leaving its parent: only the balance tells whether the drag is over the page.
  let depth = 0;
  const show = () => document.body.classList.toggle("is-dragging", depth > 0);
  const carriesFiles = (event) => event.dataTransfer.types.includes("Files");

  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show();
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show();
  });
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    // What was dropped can be asked for only until the first pause.
    const dropped = [...event.dataTransfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
    onFiles(await filesOfDrop(dropped));
  });
}
