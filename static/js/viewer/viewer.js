// The stage: one or two radiographs with heatmaps and boxes, and all that can be done with them.

import { attachGestures } from "./gestures.js";
import { attachKeyboard } from "./keyboard.js";
import { Comparison } from "./comparison.js";
import { DisplayState } from "./display_state.js";
import { OverlaySettings } from "./overlay_settings.js";
import { Pane } from "./pane.js";
import { StudySource } from "./source.js";
import { Toolbar } from "./toolbar.js";

/** Share of the pane that one press of an arrow key moves the image by. */
const PAN_STEP = 0.1;

export class Viewer {
  /** What dragging with the left button or one finger does: "window" or "pan". */
  tool = "window";
  overlay = new OverlaySettings();
  #panes = document.getElementById("panes");
  #source;
  #main;
  #second = null;
  #active;
  #toolbar;
  #onStep;
  #selected = null;
  #watched = null;
  #refresh = () => {
    const { heatmaps } = this.#active.source;
    if (heatmaps) this.#toolbar.showHeatmapScale(heatmaps);
    this.#toolbar.refresh();
  };

  /** onStep gets 1 or -1 when the next or the previous finding is asked for. */
  constructor(study, { onStep }) {
    this.#onStep = onStep;
    this.#source = new StudySource(study);
    this.#panes.hidden = false;
    this.#toolbar = new Toolbar(this);
    this.#main = this.#addPane("pane-template");
    this.#main.show(this.#source, new DisplayState()).then(this.#refresh);
    this.#use(this.#main);
    this.overlay.addEventListener("change", this.#refresh);
    attachKeyboard(this);
  }

  /** Puts the heatmap of a finding over the radiograph; null takes it away. */
  select(name) {
    this.#selected = name;
    this.#showFinding(name);
  }

  /** Shows another finding's heatmap for as long as it is pointed at; without a name, the selected one's again. */
  preview(name = this.#selected) {
    if (this.#main.finding !== name) this.#showFinding(name);
  }

  get state() {
    return this.#active.state;
  }

  get readout() {
    return this.#active.readout;
  }

  get hasHeatmap() {
    const { finding, source } = this.#active;
    return finding !== null && source.hasHeatmap(finding);
  }

  get isHeatmapOn() {
    return this.hasHeatmap && this.overlay.get("heatmap");
  }

  get hasBoxes() {
    return this.#allPanes.some((pane) => pane.source.boxes.length > 0);
  }

  get hasOutlines() {
    return this.#allPanes.some((pane) => pane.source.outlines !== null);
  }

  get isComparing() {
    return this.#second !== null;
  }

  /** None until the grey values are there. */
  get presets() {
    return this.#active.source.presets;
  }

  /** The preset that is in use, if any is. */
  get preset() {
    const { centre, width } = this.state.window;
    return this.presets.find(({ window }) => window.centre === centre && window.width === width);
  }

  choosePreset(id) {
    this.state.setWindow(this.presets.find((preset) => preset.id === id).window);
  }

  nextPreset() {
    if (this.presets.length) this.state.setWindow(this.presets[(this.presets.indexOf(this.preset) + 1) % this.presets.length].window);
  }

  /** Changes the window by shares of its width. */
  adjustWindow({ centre = 0, width = 0 }) {
    const now = this.state.window;
    this.state.setWindow({ centre: now.centre + centre * now.width, width: now.width * (1 + width) });
  }

  zoom(factor) {
    this.state.zoom(factor, this.#active.source.image, this.#active.size);
  }

  actualSize() {
    this.state.zoomTo(1 / devicePixelRatio, this.#active.source.image, this.#active.size);
  }

  /** Moves the image by steps to the right and down. */
  pan(right, down) {
    const { source, size } = this.#active;
    this.state.pan(right * PAN_STEP * size.width, down * PAN_STEP * size.height, source.image, size);
  }

  togglePanTool() {
    this.tool = this.tool === "pan" ? "window" : "pan";
    this.#panes.dataset.tool = this.tool;
    this.#refresh();
  }

  toggleLens() {
    const { width, height } = this.#active.size;
    // Without a pointer over the image the glass stands in its middle.
    this.#active.pointer ??= { x: width / 2, y: height / 2 };
    this.overlay.toggle("lens");
  }

  switchHeatmapOn() {
    this.overlay.set("heatmap", true);
  }

  step(direction) {
    this.#onStep(direction);
  }

  toggleComparison() {
    if (this.#second) {
      this.#second.close();
      this.#second = null;
      this.#use(this.#main);
    } else {
      this.#second = this.#addPane("second-pane-template");
      const comparison = new Comparison(this.#second, { own: this.#source, ownState: this.#main.state, onChange: () => this.#use(this.#active) });
      comparison.open(this.#otherFinding());
    }
    this.#panes.dataset.count = this.#allPanes.length;
    this.#refresh();
  }

  get #allPanes() {
    return this.#second ? [this.#main, this.#second] : [this.#main];
  }

  showHelp() {
    document.getElementById("viewer-help").showModal();
  }

  #addPane(template) {
    const element = document.getElementById(template).content.firstElementChild.cloneNode(true);
    this.#panes.append(element);
    const pane = new Pane(element, this.overlay);
    attachGestures(pane, {
      tool: () => this.tool,
      hasLens: () => this.overlay.get("lens"),
      onUse: () => this.#use(pane),
    });
    return pane;
  }

  /** Keys and buttons act on the pane that was used last. */
  #use(pane) {
    this.#active = pane;
    for (const each of this.#allPanes) each.element.classList.toggle("is-active", each === pane);
    if (this.#watched !== pane.state) {
      this.#watched?.removeEventListener("change", this.#refresh);
      this.#watched = pane.state;
      this.#watched.addEventListener("change", this.#refresh);
    }
    this.#refresh();
  }

  #showFinding(name) {
    this.#main.setFinding(name).then(this.#refresh);
    this.#refresh();
  }

  /** The most likely finding beside the selected one. */
  #otherFinding() {
    const others = this.#source.study.findings.filter(({ name, probability }) => probability !== null && name !== this.#selected);
    return others.toSorted((a, b) => b.probability - a.probability)[0]?.name ?? null;
  }
}
