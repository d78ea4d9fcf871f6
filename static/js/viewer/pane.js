// One radiograph on the stage, with what lies over it.

import { percent } from "../format.js";
import { drawLens, drawScene } from "./drawing.js";
import { showScale } from "./scale_bar.js";
import { lookupTable } from "./windowing.js";

export class Pane {
  /** The finding whose heatmap is wanted, or null. */
  finding = null;
  /** Where the pointer is, in CSS pixels of the pane, or null. */
  pointer = null;
  source = null;
  state = null;
  #parts = {};
  #context;
  #overlay;
  #table = { key: null, words: null };
  #frame = 0;
  #resizes = new ResizeObserver(() => this.#draw());
  #redraw = () => this.redraw();

  constructor(element, overlay) {
    this.element = element;
    this.#overlay = overlay;
    this.canvas = element.querySelector("canvas");
    this.#context = this.canvas.getContext("2d", { alpha: false });
    for (const part of element.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    overlay.addEventListener("change", this.#redraw);
    this.#resizes.observe(element);
  }

  close() {
    this.#overlay.removeEventListener("change", this.#redraw);
    this.state.removeEventListener("change", this.#redraw);
    this.#resizes.disconnect();
    this.element.remove();
  }

  get size() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  /** Puts a study into the pane; its grey values may still be on their way. */
  async show(source, state) {
    this.state?.removeEventListener("change", this.#redraw);
    this.source = source;
    this.state = state;
    state.addEventListener("change", this.#redraw);
    delete this.canvas.dataset.ready;
    this.canvas.setAttribute("aria-label", source.description);
    this.redraw();
    try {
      await source.load((share) => this.#say(`Loading the radiograph, ${percent(share)}`, source));
    } catch (error) {
      this.#say(`The radiograph could not be loaded. ${error.message} Load the page again to retry.`, source);
      return;
    }
    this.#say("", source);
    await this.#needHeatmaps();
    this.redraw();
  }

  async setFinding(name) {
    this.finding = name;
    this.redraw();
    await this.#needHeatmaps();
    this.redraw();
  }

  redraw() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Where the image lies now, in CSS pixels of the pane. */
  get placement() {
    return this.state.place(this.source.image, this.size);
  }

  get readout() {
    const { centre, width } = this.state.window;
    return [
      `Zoom ${Math.round(100 * this.placement.scale * devicePixelRatio)}%`,
      `centre ${Math.round(100 * centre)}, width ${Math.round(100 * width)}`,
      ...(this.state.inverted ? ["inverted"] : []),
    ].join(" · ");
  }

  #say(text, source) {
    // An answer for a study that was left meanwhile says nothing here.
    if (source === this.source) this.#parts.message.textContent = text;
  }

  async #needHeatmaps() {
    const { source } = this;
    this.#parts.error.hidden = true;
    if (this.finding === null || source.heatmaps) return;
    try {
      await source.loadHeatmaps();
    } catch {
      if (source === this.source) this.#parts.error.hidden = false;
    }
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { source, size, canvas } = this;
    if (!source?.pyramid || size.width === 0 || size.height === 0) return;
    const density = devicePixelRatio;
    const [width, height] = [Math.round(size.width * density), Math.round(size.height * density)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const scene = this.#scene();
    const placement = this.state.place(source.image, size);
    this.#context.fillStyle = scene.colours.ground;
    this.#context.fillRect(0, 0, width, height);
    drawScene(this.#context, scene, placement, density);
    if (this.#overlay.get("lens") && this.pointer) drawLens(this.#context, scene, placement, density, this.pointer);
    this.#describe(scene, placement);
  }

  #scene() {
    const { source, state } = this;
    const shown = this.#overlay.get("heatmap") && source.heatmaps && this.finding !== null && source.hasHeatmap(this.finding);
    const style = getComputedStyle(this.element);
    return {
      image: source.image,
      pyramid: source.pyramid,
      table: this.#lookupTable(state),
      heatmap: shown ? source.heatmaps.picture(this.finding, this.#overlay.get("clearBelow") ?? source.heatmaps.clearBelow) : null,
      opacity: this.#overlay.get("opacity"),
      boxes: this.#overlay.get("boxes") ? source.boxes : [],
      outlines: this.#overlay.get("outlines") ? source.outlines : null,
      finding: this.finding,
      colours: {
        ground: style.getPropertyValue("--stage"),
        ink: style.getPropertyValue("--stage-text"),
        box: style.getPropertyValue("--stage-box"),
        outline: style.getPropertyValue("--stage-outline"),
        font: style.fontFamily,
      },
    };
  }

  #lookupTable({ window, inverted }) {
    const { bits } = this.source.pyramid;
    const key = [bits, window.centre, window.width, inverted].join();
    if (this.#table.key !== key) this.#table = { key, words: lookupTable(bits, window, inverted) };
    return this.#table.words;
  }

  #describe(scene, placement) {
    const { source } = this;
    const { title } = this.#parts;
    const name = scene.heatmap ? source.findingName(this.finding) : "";
    // Only what is seen is named.
    title.hidden = !name;
    title.textContent = name && `Heatmap: ${name}`;
    title.dataset.finding = name && this.finding;
    this.canvas.dataset.ready = "true";
    const described = name ? `${source.description}, with the heatmap of model attention for ${name}` : source.description;
    if (this.canvas.getAttribute("aria-label") !== described) this.canvas.setAttribute("aria-label", described);
    this.#parts.readout.textContent = this.readout;
    showScale(this.#parts.scale, source.image.millimetres, placement.scale, this.size.width);
  }
}
