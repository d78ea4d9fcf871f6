// A probability on a scale of its own finding: the points from which it is called possible and present stand at the same
// places in every row, so that rows compare at a glance.

import { el } from "./dom.js";
import { percent } from "./format.js";

const POSSIBLE_AT = 1 / 3;
const PRESENT_AT = 2 / 3;

export function decisionBar({ probability, threshold, possible_threshold: possible, decision }) {
  const track = el("span", { class: "bar", data: { decision } });
  if (probability === null) return track;
  const points = [[0, 0], ...(possible < threshold ? [[possible, POSSIBLE_AT]] : []), [threshold, PRESENT_AT], [1, 1]];
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${100 * placeOf(probability, points)}%`;
  const ticks = points.slice(1, -1).map(([value, at]) => {
    const name = value === threshold ? "Present" : "Possible";
    const tick = el("span", { class: "bar-tick", title: `${name} from ${percent(value)}` });
    tick.style.left = `${100 * at}%`;
    return tick;
  });
  track.append(fill, ...ticks);
  return track;
}

/** The probability that a study shows anything, from 0 to 100%, with its interval and the policy's threshold. */
export function abnormalBar({ probability, threshold, interval: [low, high] }) {
  const called = threshold !== null && probability >= threshold;
  const track = el("span", { class: "bar abnormal-bar", data: { decision: called ? "present" : "absent" } });
  const span = el("span", { class: "bar-span" });
  span.style.left = `${100 * low}%`;
  span.style.width = `${100 * (high - low)}%`;
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${100 * probability}%`;
  track.append(fill, span);
  if (threshold !== null) {
    const tick = el("span", { class: "bar-tick", title: `Findings are called from ${percent(threshold)}` });
    tick.style.left = `${100 * threshold}%`;
    track.append(tick);
  }
  return track;
}

/** Straight lines between the points (value, place), which rise in both. */
function placeOf(value, points) {
  const next = Math.max(1, points.findIndex(([upper]) => value <= upper));
  const [[low, from], [high, to]] = [points[next - 1], points[next]];
  return high > low ? from + ((value - low) / (high - low)) * (to - from) : to;
}
