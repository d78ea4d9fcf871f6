// The answer to a question: sentences with the findings that they cite, and what stands apart.

import { apartBox } from "../apart.js";
import { el } from "../dom.js";
import { label } from "../format.js";
import { status } from "../marks.js";

/** onFindings gets the name of a finding that was chosen, in a list. */
export function answerView({ sentences, silent, apart, model, seconds }, onFindings) {
  const by = authorInWords(sentences, model);
  return el(
    "div",
    { class: "answer", data: { testid: "answer", silent: String(silent) } },
    silent ? el("p", {}, status("unknown", "The evidence is silent")) : null,
    ...sentences.map((one) => sentence(one, onFindings)),
    apartBox(apart),
    silent ? null : el("p", { class: "hint" }, `${by}, ${seconds.toFixed(1)} s.`),
  );
}

function authorInWords(sentences, model) {
  if (model === null) return "By rule from the evidence; the language model of this server writes reports and was not asked";
  if (sentences.some((one) => one.author === "model")) return `In part in the words of ${model.name} ${model.version}`;
  return `By rule from the evidence; ${model.name} ${model.version} added nothing`;
}

function sentence({ text, findings }, onFindings) {
  const cite = (name) => el("button", { type: "button", class: "cite", "aria-label": `Show ${label(name)} in the image`, data: { testid: "cite", name }, onclick: () => onFindings([name]) }, label(name));
  return el("p", {}, text, ...findings.flatMap((name) => [" ", cite(name)]));
}
