// A probability between 0 and 100% with the operating point marked on it.

import { el } from "./dom.js";
import { percent } from "./format.js";

export function decisionBar({ probability, threshold, decision }) {
  const track = el("span", { class: "bar", data: { decision } });
  if (probability === null) return track;
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${probability * 100}%`;
  const tick = el("span", { class: "bar-tick", title: `Operating point ${percent(threshold)}` });
  tick.style.left = `${threshold * 100}%`;
  track.append(fill, tick);
  return track;
}
