// The radiograph with one heatmap over it, and the controls of that heatmap.

export class Viewer {
  #frame = document.getElementById("frame");
  #image = document.getElementById("study-image");
  #overlay = document.getElementById("heatmap-overlay");
  #error = document.getElementById("heatmap-error");
  #toggle = document.getElementById("heatmap-toggle");
  #slider = document.getElementById("opacity");
  #sliderValue = document.getElementById("opacity-value");
  #hasHeatmap = false;
  #isOn = true;

  constructor() {
    this.#toggle.addEventListener("click", () => this.toggle());
    this.#slider.addEventListener("input", () => this.#applyOpacity());
    this.#overlay.addEventListener("load", () => this.#overlay.classList.remove("is-loading"));
    this.#overlay.addEventListener("error", () => {
      this.#error.hidden = false;
    });
    this.#applyOpacity();
  }

  showImage({ url, width, height }, description) {
    this.#frame.style.setProperty("--ratio", String(width / height));
    this.#image.alt = description;
    this.#image.src = url;
    this.#frame.hidden = false;
  }

  /** Puts a heatmap over the radiograph; null takes it away. */
  showHeatmap(url, description = "") {
    this.#hasHeatmap = Boolean(url);
    this.#error.hidden = true;
    if (url) {
      // Until the new heatmap is there the old one must not stand under the new name.
      this.#overlay.classList.add("is-loading");
      this.#overlay.alt = description;
      this.#overlay.src = url;
    }
    this.#applyVisibility();
  }

  switchOn() {
    this.#isOn = true;
    this.#applyVisibility();
  }

  toggle() {
    if (!this.#hasHeatmap) return;
    this.#isOn = !this.#isOn;
    this.#applyVisibility();
  }

  #applyVisibility() {
    this.#overlay.hidden = !(this.#hasHeatmap && this.#isOn);
    this.#toggle.setAttribute("aria-checked", String(this.#hasHeatmap && this.#isOn));
    this.#toggle.disabled = !this.#hasHeatmap;
    this.#slider.disabled = !this.#hasHeatmap;
  }

  #applyOpacity() {
    const value = this.#slider.valueAsNumber;
    this.#overlay.style.opacity = String(value / 100);
    this.#sliderValue.textContent = `${value}%`;
    this.#slider.setAttribute("aria-valuetext", `${value} percent`);
  }
}
