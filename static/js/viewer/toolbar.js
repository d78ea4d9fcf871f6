// The buttons, sliders and the list of presets below the stage, and the page of shortcuts.

import { el } from "../dom.js";
import { COMMANDS, isPossible } from "./commands.js";
import { PRESETS } from "./windowing.js";

const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

export class Toolbar {
  #viewer;
  #buttons;
  #sliders;
  #presets = document.getElementById("window-preset");
  #legend = document.getElementById("legend-bar");

  constructor(viewer) {
    this.#viewer = viewer;
    this.#buttons = [...document.querySelectorAll("[data-command]")].map((node) => ({ node, command: COMMANDS.find(({ id }) => id === node.dataset.command) }));
    for (const { node, command } of this.#buttons) {
      node.title = `${command.text} (${keyName(command.keys[0])})`;
      node.setAttribute("aria-keyshortcuts", command.keys[0]);
      node.addEventListener("click", () => command.run(viewer));
    }
    this.#presets.replaceChildren(...PRESETS.map(({ id, label }) => el("option", { value: id }, label)), el("option", { value: "custom", disabled: true }, "Custom"));
    this.#presets.addEventListener("change", () => viewer.choosePreset(this.#presets.value));
    this.#sliders = {
      opacity: slider("opacity", (share) => viewer.overlay.set("opacity", share)),
      threshold: slider("threshold", (share) => viewer.overlay.set("clearBelow", share)),
    };
    fillHelp();
  }

  /** Colours and the usual threshold are the server's to say. */
  showHeatmapScale({ gradient, clearBelow }) {
    this.#legend.style.background = gradient;
    if (this.#viewer.overlay.get("clearBelow") === null) this.#sliders.threshold(Math.round(100 * clearBelow));
  }

  refresh() {
    const viewer = this.#viewer;
    for (const { node, command } of this.#buttons) {
      if (command.pressed) node.setAttribute(node.getAttribute("role") === "switch" ? "aria-checked" : "aria-pressed", String(command.pressed(viewer)));
      node.disabled = !isPossible(command, viewer);
    }
    for (const id of ["opacity", "threshold"]) document.getElementById(id).disabled = !viewer.hasHeatmap;
    this.#presets.disabled = viewer.presets.length === 0;
    this.#presets.value = viewer.preset?.id ?? "custom";
  }
}

/** Wires a slider in percent to a share, and gives a function that sets it. */
function slider(id, apply) {
  const input = document.getElementById(id);
  const output = document.querySelector(`output[for=${id}]`);
  const show = () => {
    output.textContent = `${input.value}%`;
    input.setAttribute("aria-valuetext", `${input.value} percent`);
  };
  input.addEventListener("input", () => {
    show();
    apply(input.valueAsNumber / 100);
  });
  show();
  return (percentage) => {
    input.valueAsNumber = percentage;
    show();
  };
}

const keyName = (key) => KEY_NAMES[key] ?? key.toUpperCase();

function fillHelp() {
  const groups = Map.groupBy(COMMANDS, ({ group }) => group);
  const lists = [...groups].map(([group, commands]) =>
    el("section", {}, el("h3", {}, group), el("dl", {}, ...commands.flatMap(({ keys, text }) => [el("dt", {}, el("kbd", {}, keyName(keys[0]))), el("dd", {}, text)]))));
  document.querySelector("#viewer-help [data-part=keys]").prepend(...lists);
}
