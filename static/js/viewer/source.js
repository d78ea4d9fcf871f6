// One study as the panes need it: grey values, heatmaps, boxes. Each is fetched once, whoever asks.

import { label } from "../format.js";
import { loadHeatmaps } from "./heatmaps.js";
import { inSquares } from "./pixel_shape.js";
import { loadPixels } from "./pixels.js";
import { Pyramid } from "./pyramid.js";
import { presetsOf } from "./windowing.js";

export class StudySource {
  pyramid = null;
  presets = [];
  /** Null until they are loaded. */
  heatmaps = null;
  #loading = null;
  #loadingHeatmaps = null;

  constructor(study) {
    this.study = study;
    /** Its measures and all places on it are in squares (pixel_shape.js). */
    this.image = inSquares(study.image);
    const { across, down } = this.image;
    this.boxes = (study.reference?.boxes ?? []).map(({ finding, x, y, width, height }) => ({
      finding,
      x: x * across,
      y: y * down,
      width: width * across,
      height: height * down,
    }));
  }

  get description() {
    const { view, filename } = this.study;
    return ["Chest radiograph", view && `${view} view`, filename].filter(Boolean).join(", ");
  }

  findingName(name) {
    return this.study.findings.find((finding) => finding.name === name)?.display_name ?? label(name);
  }

  /** The model draws no heatmap of what it does not judge. */
  hasHeatmap(name) {
    return this.study.findings.some((finding) => finding.name === name && finding.probability !== null);
  }

  load(onProgress) {
    this.#loading ??= loadPixels(this.study.image, onProgress).then((pixels) => {
      this.pyramid = new Pyramid(pixels);
      this.presets = presetsOf(this.pyramid.smallest);
    });
    return this.#loading;
  }

  /** Asking again after a failure tries again. */
  loadHeatmaps() {
    this.#loadingHeatmaps ??= loadHeatmaps(this.study.id).then(
      (heatmaps) => {
        this.heatmaps = heatmaps;
      },
      (error) => {
        this.#loadingHeatmaps = null;
        throw error;
      },
    );
    return this.#loadingHeatmaps;
  }
}
