// What is shown over every radiograph of the page, the same in both panes.

export class OverlaySettings extends EventTarget {
  #values = { heatmap: true, opacity: 0.6, clearBelow: null, boxes: true, outlines: false, lens: false };

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    this.#values[name] = value;
    this.dispatchEvent(new Event("change"));
  }

  toggle(name) {
    this.set(name, !this.get(name));
  }
}
