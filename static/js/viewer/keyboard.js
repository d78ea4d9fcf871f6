// Keys to commands, on the whole page except where text is typed.

import { announce } from "../dom.js";
import { COMMANDS, isPossible } from "./commands.js";

const TYPING = "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]:not([contenteditable=false])";

export function attachKeyboard(viewer) {
  document.addEventListener("keydown", (event) => {
    // On many layouts brackets are typed with AltGr, which counts as Ctrl and Alt.
    const isModified = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
    if (event.defaultPrevented || isModified || event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = COMMANDS.find((candidate) => candidate.keys.includes(key));
    if (!command || !isPossible(command, viewer)) return;
    if (command.inPane && !event.target.closest(".pane")) return;
    event.preventDefault();
    command.run(viewer);
    if (command.pressed) announce(`${command.text}: ${command.pressed(viewer) ? "on" : "off"}`);
    else if (command.readout) announce(viewer.readout);
  });
}
