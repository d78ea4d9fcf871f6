// What a language model said on its own and the evidence does not bear out: marked, and never part of a report.

import { el } from "./dom.js";
import { status } from "./marks.js";

const STANDING = {
  refused: ["failed", "Refused"],
  "not checked": ["unknown", "Not covered by the evidence"],
};

/** The claims as a marked box, or null where there are none; claims are {text, standing, why}. What was refused is folded away. */
export function apartBox(claims) {
  if (!claims?.length) return null;
  const [refused, beyond] = ["refused", "not checked"].map((standing) => claims.filter((one) => one.standing === standing));
  return el(
    "aside",
    { class: "apart", "aria-label": "Said by the language model, no part of the report", data: { testid: "apart" } },
    el("p", { class: "apart-title" }, "Apart: said by the language model, no part of the report"),
    beyond.length ? el("ul", {}, ...beyond.map(claim)) : null,
    refused.length ? el("details", {}, el("summary", {}, `Refused, because the evidence does not bear it out (${refused.length})`), el("ul", {}, ...refused.map(claim))) : null,
  );
}

function claim({ text, standing, why }) {
  const [mark, words] = STANDING[standing];
  return el("li", { data: { standing } }, status(mark, words), el("q", {}, text), standing === "refused" ? el("span", { class: "hint" }, why) : null);
}
