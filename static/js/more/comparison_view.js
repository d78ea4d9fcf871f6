// Two reports side by side: what stands in one only is marked, in the first as taken away, in the second as added.

import { apartBox } from "../apart.js";
import { el } from "../dom.js";
import { label } from "../format.js";

const SECTIONS = [["findings", "Findings"], ["impression", "Impression"]];
const VALUES = { 1: "present", 0: "absent", [-1]: "uncertain", null: "not mentioned" };
const OWN = [["only first", "del"], ["only second", "ins"]];

export function comparisonView(answer) {
  const { reports, differences } = answer;
  const onlyIn = [answer.codes_only_first, answer.codes_only_second];
  return el(
    "div",
    { class: "comparison", data: { testid: "comparison" } },
    el("p", {}, textsInWords(differences)),
    el("div", { class: "two-reports" }, ...reports.map((report, place) => column(report, place, differences, onlyIn[place]))),
    labels(reports),
    el("p", { class: "hint" }, `${answer.model.name} ${answer.model.version}, the same draws both times: whatever differs is owed to what was changed.`),
  );
}

function textsInWords(differences) {
  const changed = SECTIONS.filter(([key]) => differences[key].some(({ change }) => change !== "same")).map(([, title]) => title);
  return changed.length ? `The texts differ in ${changed.join(" and ")}; what stands in one only is marked.` : "Both texts are the same, word for word.";
}

function column(report, place, differences, ownCodes) {
  const [own, tag] = OWN[place];
  const runs = (key) => differences[key].filter(({ change }) => change === "same" || change === own);
  const words = (key) => runs(key).flatMap(({ change, text }) => [change === own ? el(tag, {}, text) : text, " "]);
  return el(
    "section",
    { data: { testid: "compared-report" } },
    el("h4", {}, report.name.charAt(0).toUpperCase() + report.name.slice(1)),
    ...SECTIONS.flatMap(([key, title]) => [el("h5", {}, title), el("p", { data: { section: key } }, ...words(key))]),
    el("h5", {}, "ICD-10-CM codes"),
    report.icd.length ? el("ul", { class: "codes" }, ...report.icd.map((one) => code(one, ownCodes.includes(one.code) ? tag : "span"))) : el("p", { class: "hint" }, "None."),
    apartBox([...report.apart, ...(report.passes?.apart ?? [])]),
    disagreements(report.passes?.disagreements ?? []),
    el("p", { class: "hint" }, `${report.timing.total.toFixed(1)} s`),
  );
}

function code({ code: value, meaning, reason }, tag) {
  return el("li", {}, el(tag, { class: "code" }, value), ` ${meaning}. `, el("span", { class: "hint" }, reason));
}

function disagreements(sentences) {
  if (sentences.length === 0) return null;
  return el("details", { data: { testid: "disagreements" } }, el("summary", {}, `What the evidence does not bear out (${sentences.length})`), el("ul", {}, ...sentences.map((text) => el("li", {}, text))));
}

/** What the model answered for each label, where the two differ; what is shown stays the evidence's. */
function labels([first, second]) {
  if (!first.passes || !second.passes) return null;
  const differing = Object.keys(first.passes.answered).filter((name) => first.passes.answered[name] !== second.passes.answered[name]);
  if (differing.length === 0) return el("p", {}, "The model answers the same labels both times.");
  const row = (name) => el("tr", {}, el("th", { scope: "row" }, label(name)), ...[first.passes.answered[name], second.passes.answered[name], first.chexpert[name]].map((value) => el("td", {}, VALUES[value])));
  return el(
    "table",
    { class: "labels-table", data: { testid: "labels-table" } },
    el("caption", {}, "Labels that the model answers otherwise. What is shown rests on the evidence."),
    el("thead", {}, el("tr", {}, ...["Label", "First", "Second", "Shown"].map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, ...differing.map(row)),
  );
}
