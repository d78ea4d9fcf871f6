// All heatmaps of one study as pictures, made here from the numbers of each, as the server makes its own.

import { getHeatmaps } from "../api.js";

export async function loadHeatmaps(studyId) {
  return new Heatmaps(await getHeatmaps(studyId));
}

class Heatmaps {
  #data;
  #colours;
  #decoded = new Map();
  #pictures = new Map();

  constructor(data) {
    this.#data = data;
    this.#colours = data.colours.map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  }

  /** Attention below this share is clear unless something else is asked for. */
  get clearBelow() {
    return this.#data.clear_below;
  }

  get gradient() {
    return `linear-gradient(to right, ${this.#data.colours.filter((_, index) => index % 15 === 0).join(", ")})`;
  }

  /** A transparent canvas in the radiograph's proportions, to be laid exactly over it; null for an unknown finding. */
  picture(name, clearBelow) {
    if (!this.#data.values[name]) return null;
    const key = `${name} ${clearBelow}`;
    // One picture a finding: the slider would leave hundreds behind.
    if (this.#pictures.get(name)?.key !== key) this.#pictures.set(name, { key, canvas: this.#paint(name, clearBelow) });
    return this.#pictures.get(name).canvas;
  }

  #paint(name, clearBelow) {
    const { width, height } = this.#data;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    const table = this.#table(clearBelow);
    this.#values(name).forEach((value, index) => {
      words[index] = table[value];
    });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /** Colour and opacity of the 256 values; what is clear by the threshold grows opaque as fast above it. */
  #table(clearBelow) {
    const { clear_below: usual, opaque_from: opaque } = this.#data;
    const rise = Math.max(Math.min(opaque - usual, 1 - clearBelow), 1 / 255);
    return Uint32Array.from(this.#colours, ([red, green, blue], value) => {
      const alpha = Math.round(255 * Math.min(Math.max((value / 255 - clearBelow) / rise, 0), 1));
      return (alpha << 24) | (blue << 16) | (green << 8) | red;
    });
  }

  #values(name) {
    if (!this.#decoded.has(name)) this.#decoded.set(name, Uint8Array.from(atob(this.#data.values[name]), (letter) => letter.charCodeAt(0)));
    return this.#decoded.get(name);
  }
}
