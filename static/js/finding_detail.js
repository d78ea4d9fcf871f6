// The lines under the radiograph: what the selected finding is and how far its figures can be trusted.

import { el } from "./dom.js";
import { percent } from "./format.js";
import { status } from "./marks.js";

/** wasMeasured: whether this model's heatmaps were compared with radiologists' boxes for any finding. */
export function renderDetail(container, finding, { hasHeatmap, wasMeasured }) {
  container.replaceChildren(...(finding ? detailLines(finding, hasHeatmap, wasMeasured) : emptyLines()));
}

function emptyLines() {
  return [
    el("div", { class: "caption-title" }, el("h2", {}, "Radiograph only")),
    el("p", {}, "Select a finding to see where the model looked."),
  ];
}

function detailLines(finding, hasHeatmap, wasMeasured) {
  return [
    el("div", { class: "caption-title" }, el("h2", {}, finding.display_name), status(finding.decision), el("p", {}, finding.definition)),
    el("p", {}, ...operatingPoint(finding)),
    ...(hasHeatmap ? attention(finding, wasMeasured) : [el("p", {}, "There is no heatmap for this finding.")]),
  ];
}

function operatingPoint(finding) {
  if (finding.probability === null) return ["This model was not trained to judge this finding."];
  const measured = (figure) => value(figure === null ? "not measured" : percent(figure));
  return [
    "Probability ", value(percent(finding.probability)),
    ". Operating point ", value(percent(finding.threshold)),
    ": sensitivity ", measured(finding.sensitivity),
    ", specificity ", measured(finding.specificity),
    " on validation images",
  ];
}

function attention(finding, wasMeasured) {
  return [
    el("p", {}, "Model attention: ", value(finding.region ?? "no region named")),
    el("p", { data: { testid: "heatmap-reliability" } }, "Heatmap reliability: ", value(reliability(finding, wasMeasured))),
  ];
}

function reliability(finding, wasMeasured) {
  if (finding.heatmap_reliability) return finding.heatmap_reliability.words;
  return wasMeasured ? "not measured: no radiologist boxes for this finding." : "not measured.";
}

function value(text) {
  return el("span", { class: "value" }, text);
}
