// Status as shape and word. Decisions are diamonds (filled, half, empty, dashed); states of work are discs; urgency is a
// triangle (filled, empty) or a dash.

import { el } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const DIAMOND = "M8 1.5 14.5 8 8 14.5 1.5 8Z";
const DISC = "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5Z";

const outline = (d, extra = {}) => ({ d, fill: "none", stroke: "currentColor", "stroke-width": "1.5", ...extra });
const solid = (d) => ({ d, fill: "currentColor" });

const SHAPES = {
  present: [solid(DIAMOND), outline(DIAMOND)],
  possible: [outline(DIAMOND), solid("M8 1.5v13L1.5 8Z")],
  absent: [outline(DIAMOND)],
  unknown: [outline(DIAMOND, { "stroke-dasharray": "2.3 2.3" })],
  queued: [outline(DISC)],
  running: [outline(DISC), solid("M8 1.75v12.5a6.25 6.25 0 0 1 0-12.5Z")],
  done: [outline("M2.5 8.5 6.5 12.5 13.5 4", { "stroke-width": "2" })],
  failed: [outline("M3 3l10 10M13 3 3 13", { "stroke-width": "2" })],
  urgent: [solid("M8 1.5 15 14H1Z")],
  soon: [outline("M8 2.5 14 13.25H2Z")],
  routine: [outline("M3 8h10", { "stroke-width": "2" })],
};

const WORDS = {
  present: "Present",
  possible: "Possible",
  absent: "Absent",
  unknown: "Unknown",
  queued: "Waiting",
  running: "Analysing",
  done: "Done",
  failed: "Failed",
  urgent: "Urgent",
  soon: "Soon",
  routine: "Routine",
};

export function status(name, text = WORDS[name]) {
  return el("span", { class: `status status-${name}` }, mark(name), el("span", {}, text));
}

function mark(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "mark");
  svg.setAttribute("aria-hidden", "true");
  for (const attributes of SHAPES[name]) {
    const path = document.createElementNS(SVG, "path");
    for (const [key, value] of Object.entries(attributes)) path.setAttribute(key, value);
    svg.append(path);
  }
  return svg;
}
