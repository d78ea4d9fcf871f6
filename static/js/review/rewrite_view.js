// How the rewritten report came about: being written, judged by the guard, or not there and why.

import { apartBox } from "../apart.js";
import { el } from "../dom.js";
import { label } from "../format.js";
import { status } from "../marks.js";

const VERDICTS = {
  accepted: "Checked sentence by sentence: it adds, drops and changes no finding.",
  repaired: "Accepted after repair: the template's sentences stand for those that left the evidence.",
  fallback: "Not accepted: it left the evidence. The template's text is shown.",
};

export const isBeingWritten = (study) => ["waiting", "writing"].includes(study.rewrite?.status);

export function renderRewrite(box, rewrite) {
  const parts = lines(rewrite);
  box.hidden = parts.length === 0;
  box.dataset.status = rewrite?.status ?? "off";
  box.replaceChildren(...parts);
}

function lines(rewrite) {
  switch (rewrite?.status) {
    case "waiting":
      return [status("queued", rewrite.message ?? "A language model will rewrite this report.")];
    case "writing":
      return [status("running", "Being written; each sentence was checked, the whole is not yet"), partial(rewrite.partial ?? [])];
    case "done":
      return [status(rewrite.verdict?.action === "fallback" ? "failed" : "done", verdict(rewrite)), origin(rewrite), worded(rewrite), apartBox(rewrite.apart), attempts(rewrite), reasoning(rewrite)].filter(Boolean);
    case "failed":
      return [status("failed", rewrite.message ?? "The language model failed; the template's text is shown.")];
    default:
      return rewrite?.message ? [el("p", { class: "hint" }, rewrite.message)] : [];
  }
}

function verdict({ verdict: judged, message }) {
  return VERDICTS[judged?.action] ?? message ?? "Rewritten.";
}

function origin({ model, seconds }) {
  const words = [model && `Language model ${model.name} ${model.version}`, seconds !== null && seconds !== undefined && `${seconds.toFixed(1)} s`].filter(Boolean);
  return words.length ? el("p", { class: "hint" }, words.join(", ")) : null;
}

/** Who chose the words: the plan fixes what is said, and a sentence that the model could not word is the template's. */
function worded({ worded: counts, verdict: judged, mode }) {
  if (!counts || judged?.action === "fallback") return null;
  if (mode === "image") return el("p", { class: "hint", data: { testid: "rewrite-worded" } }, "The language model reported on its own; what the evidence bears out is shown, and the template's sentences stand for what it left out.");
  const byRule = counts.rule ? ` ${counts.rule} of ${counts.model + counts.rule} sentences are the template's, underlined with dots.` : "";
  const words = `What is said, how certain and where follows from the evidence; the language model chose the words.${byRule}`;
  return el("p", { class: "hint", data: { testid: "rewrite-worded" } }, words);
}

function partial(sentences) {
  return el("ol", { class: "partial", data: { testid: "rewrite-partial" } }, ...sentences.map((text) => el("li", {}, text)));
}

function attempts({ verdict: judged }) {
  const found = (judged?.attempts ?? []).flatMap((attempt, index) =>
    attempt.violations.map((violation) => el("li", {}, `Attempt ${index + 1}: ${violation.message}`, violation.sentence ? el("q", {}, violation.sentence) : null, names(violation))));
  if (found.length === 0) return null;
  return el("details", { data: { testid: "rewrite-violations" } }, el("summary", {}, `What was not accepted (${found.length})`), el("ul", {}, ...found));
}

function names({ findings }) {
  return findings?.length ? el("span", { class: "hint" }, findings.map(label).join(", ")) : null;
}

function reasoning({ reasoning: steps, reasoning_by_rule: byRule }) {
  if (!steps?.length) return null;
  return el(
    "details",
    { data: { testid: "rewrite-reasoning" } },
    el("summary", {}, byRule ? "Show the evidence in ten steps" : "Show the model's reasoning in ten steps"),
    el(
      "p",
      { class: "hint" },
      byRule
        ? "Not part of the report. The model's own reasoning did not agree with the evidence; these steps follow from it by rule."
        : "Not part of the report. Its statements agree with the evidence.",
    ),
    el("ol", {}, ...steps.map((text) => el("li", {}, text))),
  );
}
