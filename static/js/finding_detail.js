// The lines under the radiograph: what the selected finding is and how far its figures can be trusted.

import { el } from "./dom.js";
import { inWords, label, percent } from "./format.js";
import { decisionBar } from "./decision_bar.js";
import { status } from "./marks.js";

/** wasMeasured: whether this model's heatmaps were compared with radiologists' boxes for any finding. */
export function renderDetail(container, finding, { study, wasMeasured }) {
  container.replaceChildren(...(finding ? detailLines(finding, study, wasMeasured) : emptyLines()));
}

/** What the data set that the image comes from says of it, where that is known. */
export function showReference(line, { reference }) {
  line.hidden = !reference?.labels;
  if (line.hidden) return;
  const names = reference.labels.map(label).join(", ");
  line.textContent = `Labels of the data set (${reference.source}): ${names || "none of the 14"}.`;
}

function emptyLines() {
  return [
    el("div", { class: "caption-title" }, el("h2", {}, "Radiograph only")),
    el("p", {}, "Select a finding to see where the model looked."),
  ];
}

function detailLines(finding, study, wasMeasured) {
  const title = el("div", { class: "caption-title" }, el("h2", {}, finding.display_name), status(finding.decision), el("p", {}, finding.definition));
  if (finding.probability === null) return [title, el("p", {}, "This model was not trained to judge this finding. There is no heatmap of it."), ...referenceLine(finding, study)];
  return [
    title,
    el("div", { class: "caption-body" },
      el("div", {},
        el("div", { class: "caption-bar" }, value(percent(finding.probability)), decisionBar(finding)),
        ...(finding.precision_words ? [el("p", { data: { testid: "finding-precision" } }, value(`${sentence(finding.certainty_words)} ${finding.precision_words}`))] : []),
        el("p", {}, ...operatingPoint(finding)),
        el("p", { data: { testid: "finding-meaning" } }, `${inWords(finding.probability)}${validationShare(finding)}.`),
        ...referenceLine(finding, study)),
      el("div", {},
        el("p", { data: { testid: "finding-places" } }, "Place: ", value(places(finding))),
        el("p", { data: { testid: "heatmap-reliability" } }, "Heatmap reliability: ", value(reliability(finding, wasMeasured))))),
  ];
}

function validationShare({ n_positive: positive, n_negative: negative }) {
  // Studies of earlier versions do not say how many images there were.
  if (!positive && !negative) return ", in the validation data";
  return `, in the validation data, where ${positive} of ${positive + negative} (${percent(positive / (positive + negative))}) have it`;
}

function operatingPoint(finding) {
  const measured = (figure) => value((figure ?? null) === null ? "not measured" : percent(figure));
  const possible = finding.possible_threshold < finding.threshold;
  return [
    "Present from ", value(percent(finding.threshold)),
    ": sensitivity ", measured(finding.sensitivity), ", specificity ", measured(finding.specificity),
    ...(possible
      ? ["; possible from ", value(percent(finding.possible_threshold)), ": ", measured(finding.possible_sensitivity), " and ", measured(finding.possible_specificity)]
      : []),
    ".",
  ];
}

function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

function places({ places: found = [] }) {
  return found.map(({ words }) => words).join(", ") || "none named";
}

function reliability(finding, wasMeasured) {
  if (finding.heatmap_reliability) return finding.heatmap_reliability.words;
  return wasMeasured ? "not measured: no radiologist boxes for this finding." : "not measured.";
}

function referenceLine({ name }, { reference }) {
  if (!reference?.labels) return [];
  const boxes = reference.boxes.filter((box) => box.finding === name).length;
  const drawn = boxes ? `, ${boxes} ${boxes === 1 ? "box" : "boxes"} drawn` : "";
  return [el("p", { data: { testid: "finding-reference" } }, "Data set: ", value(`${reference.labels.includes(name) ? "labelled with it" : "not labelled with it"}${drawn}.`))];
}

function value(text) {
  return el("span", { class: "value" }, text);
}
