// All heatmaps of one study as pictures, made here from the few numbers of each, as the server makes its own.

import { getHeatmaps } from "../api.js";

/** Longest side of a picture, in pixels; the canvas smooths the rest. */
const LONGEST_SIDE = 256;

export async function loadHeatmaps(studyId) {
  return new Heatmaps(await getHeatmaps(studyId));
}

class Heatmaps {
  #data;
  #colours;
  #smooth = new Map();
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
    const { width, height, values } = this.#smoothed(name);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const rise = Math.min(this.#data.opaque_from - this.#data.clear_below, Math.max(1 - clearBelow, 1 / 255));
    values.forEach((value, index) => {
      image.data.set(this.#colours[Math.min(Math.floor(value * 256), 255)], 4 * index);
      image.data[4 * index + 3] = Math.round(255 * Math.min(Math.max((value - clearBelow) / rise, 0), 1));
    });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  #smoothed(name) {
    if (!this.#smooth.has(name)) {
      const { width, height } = this.#data;
      const scale = LONGEST_SIDE / Math.max(width, height);
      const grid = { width, height, values: Float32Array.from(this.#data.values[name], (value) => value / 255) };
      this.#smooth.set(name, enlarged(grid, Math.round(width * scale), Math.round(height * scale)));
    }
    return this.#smooth.get(name);
  }
}

/** Cubic convolution (Keys 1981, a = -0.5), one direction after the other, clipped to [0, 1]. */
function enlarged(grid, width, height) {
  const across = taps(grid.width, width);
  const down = taps(grid.height, height);
  const wide = new Float32Array(width * grid.height);
  for (let row = 0; row < grid.height; row += 1) {
    across.forEach(({ first, weights }, column) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * grid.values[row * grid.width + first + k];
      wide[row * width + column] = sum;
    });
  }
  const values = new Float32Array(width * height);
  down.forEach(({ first, weights }, row) => {
    for (let column = 0; column < width; column += 1) {
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * wide[(first + k) * width + column];
      values[row * width + column] = Math.min(Math.max(sum, 0), 1);
    }
  });
  return { width, height, values };
}

/** For each of the new cells the old ones that it is made of; weights outside the grid go to those inside. */
function taps(length, wanted) {
  return Array.from({ length: wanted }, (_, index) => {
    const centre = ((index + 0.5) * length) / wanted - 0.5;
    const first = Math.max(Math.floor(centre) - 1, 0);
    const last = Math.min(Math.floor(centre) + 2, length - 1);
    const weights = Array.from({ length: last - first + 1 }, (__, k) => cubic(Math.abs(first + k - centre)));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

function cubic(x) {
  if (x >= 2) return 0;
  return x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2;
}
