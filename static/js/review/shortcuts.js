// The keys of the report: E edits, Escape leaves the editor, Ctrl S saves, Ctrl Enter signs.

import { isForField } from "../dom.js";

/** actions: {edit, leave, save, sign}; each returns false where there is nothing to do, and the key keeps its meaning. */
export function listenForShortcuts(actions) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey) return;
    const action = actions[named(event)];
    if (action && action() !== false) event.preventDefault();
  });
}

function named(event) {
  if (event.ctrlKey || event.metaKey) return { Enter: "sign", s: "save" }[event.key];
  if (event.key === "Escape") return "leave";
  return event.key.toLowerCase() === "e" && !isForField(event) ? "edit" : null;
}
