// How radiographs are shown: window, inversion, zoom and place. Panes that share one stay together.

import { clampWindow, FULL_WINDOW } from "./windowing.js";

/** One pixel of the image on at most so many pixels of the screen. */
const LARGEST_SCALE = 16;

export class DisplayState extends EventTarget {
  window = FULL_WINDOW;
  inverted = false;
  /** CSS pixels an image pixel, and the image's point at the middle of the pane; null fits the image into the pane. */
  #view = null;

  get isFitted() {
    return this.#view === null;
  }

  setWindow(window) {
    this.window = clampWindow(window);
    this.#changed();
  }

  invert() {
    this.inverted = !this.inverted;
    this.#changed();
  }

  reset() {
    this.window = FULL_WINDOW;
    this.inverted = false;
    this.fit();
  }

  fit() {
    this.#view = null;
    this.#changed();
  }

  /**
   * Where the image lies: { scale, left, top } in CSS pixels of the pane.
   * The middle of the pane always lies on the image, so that it cannot be lost.
   */
  place(image, pane) {
    const fitted = Math.min(pane.width / image.width, pane.height / image.height);
    const { scale, x, y } = this.#view ?? { scale: fitted, x: image.width / 2, y: image.height / 2 };
    return {
      scale,
      left: offset(pane.width, image.width * scale, pane.width / 2 - x * scale),
      top: offset(pane.height, image.height * scale, pane.height / 2 - y * scale),
    };
  }

  /** Zooms by a factor; the image's point under (x, y) of the pane stays where it is. */
  zoom(factor, image, pane, { x, y } = { x: pane.width / 2, y: pane.height / 2 }) {
    const { scale } = this.place(image, pane);
    this.zoomTo(scale * factor, image, pane, { x, y });
  }

  zoomTo(wanted, image, pane, { x, y } = { x: pane.width / 2, y: pane.height / 2 }) {
    const { scale, left, top } = this.place(image, pane);
    const fitted = Math.min(pane.width / image.width, pane.height / image.height);
    const next = Math.min(Math.max(wanted, Math.min(fitted, 1) / 2), Math.max(LARGEST_SCALE, fitted));
    const fixed = { x: (x - left) / scale, y: (y - top) / scale };
    this.#centre(next, fixed.x + (pane.width / 2 - x) / next, fixed.y + (pane.height / 2 - y) / next, image, pane);
  }

  /** Moves the image by CSS pixels. */
  pan(dx, dy, image, pane) {
    const { scale, left, top } = this.place(image, pane);
    this.#centre(scale, (pane.width / 2 - left - dx) / scale, (pane.height / 2 - top - dy) / scale, image, pane);
  }

  #centre(scale, x, y, image, pane) {
    this.#view = { scale, x, y };
    // What lies behind an edge must not have to be dragged back first.
    const placed = this.place(image, pane);
    this.#view = { scale, x: (pane.width / 2 - placed.left) / scale, y: (pane.height / 2 - placed.top) / scale };
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function offset(space, length, wanted) {
  return Math.min(Math.max(wanted, space / 2 - length), space / 2);
}
