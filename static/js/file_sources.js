// The ways a file can come in: the picker, a drop anywhere on the page, the clipboard.

/** Calls onFiles with an array of File for each choice, drop or paste; onFolder with a name for each dropped folder. */
export function listenForFiles(input, { onFiles, onFolder }) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    // So that choosing the same file again is a change again.
    input.value = "";
    if (files.length) onFiles(files);
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) onFiles(files);
  });

  listenForDrops(onFiles, onFolder);
}

function listenForDrops(onFiles, onFolder) {
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
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    const files = [];
    for (const item of event.dataTransfer.items) {
      if (item.kind !== "file") continue;
      const entry = item.webkitGetAsEntry?.();
      if (entry?.isDirectory) onFolder(entry.name);
      else files.push(item.getAsFile());
    }
    if (files.length) onFiles(files);
  });
}
