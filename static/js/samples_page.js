// Start of the gallery: samples page by page, search, and choosing one.

import { chooseSample, listSamples, studyPage } from "./api.js";
import { announce, el } from "./dom.js";
import { Filters } from "./filters.js";
import { count, label } from "./format.js";
import { listenForKeys } from "./list_keys.js";
import { status } from "./marks.js";

const PAGE_SIZE = 60;
const byId = (id) => document.getElementById(id);
const cards = byId("cards");
const filters = new Filters(byId("filters"), {
  onChange: () => {
    filters.keepInAddress();
    load({ fresh: true });
  },
});
let asked = 0;

async function load({ fresh }) {
  asked += 1;
  const mine = asked;
  const offset = fresh ? 0 : cards.childElementCount;
  byId("more").disabled = true;
  let list;
  try {
    list = await listSamples({ ...filters.values, limit: PAGE_SIZE, offset });
  } catch (error) {
    if (mine === asked) showError(error.message);
    return;
  }
  if (mine !== asked) return;
  byId("list-error").hidden = true;
  cards.setAttribute("aria-busy", "false");
  const built = list.samples.map(card);
  if (fresh) cards.replaceChildren(...(built.length ? built : [el("li", { class: "empty" }, el("p", {}, "No sample matches"), el("p", { class: "hint" }, "Change the search or the label above."))]));
  else {
    cards.append(...built);
    built[0]?.querySelector(".card-link").focus();
  }
  const shown = offset + built.length;
  byId("samples-count").textContent = shown < list.total ? `${count(shown)} of ${count(list.total)} shown` : `${count(list.total)} ${list.total === 1 ? "sample" : "samples"}`;
  byId("more").hidden = shown >= list.total;
  byId("more").disabled = false;
}

function card(sample) {
  const picture = el("img", { src: sample.thumbnail, alt: "", width: "160", height: "160", loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(el("span", { class: "no-picture" }, "Cannot be read")), { once: true });
  const link = el("button", { type: "button", class: "card-link", "aria-label": `Analyse ${sample.name}` }, el("span", { class: "card-picture" }, picture), el("span", { class: "card-name" }, sample.name));
  link.addEventListener("click", () => choose(sample, link));
  return el("li", { class: "card", data: { row: "", testid: "sample-card", sampleId: sample.id } }, link, reference(sample), ours(sample.study));
}

function reference({ labels, n_boxes, has_report }) {
  const further = [n_boxes ? `${n_boxes} ${n_boxes === 1 ? "box" : "boxes"}` : null, has_report ? "report" : null].filter(Boolean);
  const named = labels === null ? [] : [labels.length ? labels.map(label).join(", ") : "No finding"];
  if (labels === null && further.length === 0) return null;
  return el("p", { class: "card-line" }, el("span", { class: "hint" }, "Label "), [...named, ...further].join(" · "));
}

function ours(study) {
  if (!study) return el("p", { class: "card-line hint" }, "Not analysed yet");
  if (study.status !== "done") return el("p", { class: "card-line" }, status(study.status));
  const present = study.findings.filter((finding) => finding.decision === "present").map((finding) => label(finding.name));
  return el("p", { class: "card-line" }, el("span", { class: "hint" }, "ChestLens "), present.length ? present.join(", ") : "nothing present");
}

async function choose(sample, link) {
  link.setAttribute("aria-busy", "true");
  announce(`Opening ${sample.name}.`);
  try {
    location.assign(studyPage((await chooseSample(sample.id)).id));
  } catch (error) {
    showError(`${sample.name}: ${error.message}`);
  } finally {
    link.removeAttribute("aria-busy");
  }
}

function showError(message) {
  byId("list-error").hidden = false;
  byId("list-error").textContent = message;
  cards.setAttribute("aria-busy", "false");
  byId("more").disabled = false;
}

byId("more").addEventListener("click", () => load({ fresh: false }));
listenForKeys({
  search: byId("filters").elements.query,
  rows: () => [...cards.querySelectorAll(".card-link")],
  onLeaveSearch: () => cards.querySelector(".card-link")?.focus(),
  columns: () => getComputedStyle(cards).gridTemplateColumns.split(" ").length,
});
// Going back to this page must not show a sample as not yet analysed.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) load({ fresh: true });
});
load({ fresh: true });
