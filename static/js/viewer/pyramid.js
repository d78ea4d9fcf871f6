// The grey values at full, half, quarter... size, so that a small view neither flickers nor takes long to draw.

/** Shorter sides than this are drawn from the next larger level. */
const SHORTEST_SIDE = 64;

export class Pyramid {
  #levels;

  constructor(pixels) {
    this.bits = pixels.bits;
    this.#levels = [pixels];
    for (let last = pixels; Math.min(last.width, last.height) >= 2 * SHORTEST_SIDE;) {
      last = halved(last);
      this.#levels.push(last);
    }
  }

  get full() {
    return this.#levels[0];
  }

  get smallest() {
    return this.#levels.at(-1);
  }

  /** The level to draw from, and how many full-size pixels one of its pixels stands for; scale is device pixels a full-size pixel. */
  level(scale) {
    const wanted = Math.floor(Math.log2(1 / scale) + 0.5);
    const index = Math.min(Math.max(wanted, 0), this.#levels.length - 1);
    return { ...this.#levels[index], factor: 2 ** index };
  }
}

/** Means of two by two; a side of odd length repeats its last pixel. */
function halved({ width, height, bits, values }) {
  const columns = Math.ceil(width / 2);
  const rows = Math.ceil(height / 2);
  const means = new values.constructor(columns * rows);
  for (let row = 0; row < rows; row += 1) {
    const upper = 2 * row * width;
    const lower = Math.min(2 * row + 1, height - 1) * width;
    for (let column = 0; column < columns; column += 1) {
      const left = 2 * column;
      const right = Math.min(left + 1, width - 1);
      means[row * columns + column] = (values[upper + left] + values[upper + right] + values[lower + left] + values[lower + right] + 2) >> 2;
    }
  }
  return { width: columns, height: rows, bits, values: means };
}
