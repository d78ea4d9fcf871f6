// One study as the panes need it: grey values, heatmaps, boxes. Each is fetched once, whoever asks.

import { label } from "../format.js";
import { loadHeatmaps } from "./heatmaps.js";
import { inSquares } from "./pixel_shape.js";
import { loadPixels } from "./pixels.js";
import { Pyramid } from "./pyramid.js";
import { presetsOf } from "./windowing.js";

/** Outlines and the lines of the cardiothoracic ratio, from shares of the picture to places on it. */
function anatomyOf({ outlines, cardiothoracic_ratio: ratio, lines }, { width, height }) {
  const place = ([x, y]) => ({ x: x * width, y: y * height });
  const level = ({ y, left, right }) => [place([left, y]), place([right, y])];
  return {
    organs: Object.values(outlines).filter(Boolean).map((points) => points.map(place)),
    widths: lines ? [level(lines.heart), level(lines.thorax)] : [],
    words: ratio ? `Cardiothoracic ratio ${ratio.toFixed(2)}` : "",
  };
}

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
    this.outlines = study.anatomy?.outlines ? anatomyOf(study.anatomy, this.image) : null;
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
