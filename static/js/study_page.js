// Start of the study page: follows the study and, when it is done, joins image, findings and report.

import { analyseAgain, deleteStudy, downloadUrl, getStudy } from "./api.js";
import { abnormalBar } from "./decision_bar.js";
import { confirmDelete } from "./confirm_delete.js";
import { announce, el, isForField } from "./dom.js";
import { FindingList, sortFindings } from "./finding_list.js";
import { renderDetail, showReference } from "./finding_detail.js";
import { followStudy } from "./follow.js";
import { localTime, percent, seconds } from "./format.js";
import { linkEvidence } from "./linking.js";
import { MoreSection } from "./more/more_section.js";
import { ReportSection } from "./report_section.js";
import { Viewer } from "./viewer/viewer.js";

const main = document.getElementById("main");
const studyId = main.dataset.studyId;
const byId = (id) => document.getElementById(id);

function showStage(state, { title, text = "", progress = null }) {
  main.dataset.state = state;
  const stage = byId("stage-status");
  stage.querySelector("[data-part=title]").textContent = title;
  stage.querySelector("[data-part=text]").textContent = text;
  stage.querySelector("[data-part=another]").hidden = state !== "failed";
  const bar = stage.querySelector("progress");
  bar.hidden = progress === null;
  bar.value = progress ?? 0;
}

function showProgress(study) {
  showHead(study);
  if (study.status === "queued") showStage("queued", { title: "Waiting for its turn", text: "The analysis starts when the studies before it are done.", progress: 0 });
  if (study.status === "running") showStage("running", { title: "Analysing the radiograph", text: `${percent(study.progress)} done`, progress: study.progress });
}

function showHead(study) {
  document.title = `${study.filename} · ChestLens`;
  byId("study-title").textContent = study.filename;
  byId("about").hidden = false;
}

// What went wrong with these lies not in the file, and may be over.
const REPEATABLE = ["stopped", "internal"];

function showFailure({ code, message }) {
  showStage("failed", { title: "This radiograph could not be analysed", text: message });
  byId("analyse-again").hidden = !REPEATABLE.includes(code);
  byId("study-facts").textContent = "There are no findings and no report for this study.";
  announce(message);
}

async function repeat() {
  try {
    await analyseAgain(studyId);
    location.reload();
  } catch (error) {
    showStage("failed", { title: "This radiograph could not be analysed", text: error.message });
  }
}

function showMissing(error) {
  const title = error.status === 404 ? "Study not found" : "The study could not be loaded";
  showStage("failed", { title, text: error.message });
  byId("study-title").textContent = title;
  byId("study-facts").textContent = "";
  announce(error.message);
}

function showResults(study) {
  main.dataset.state = "done";
  byId("stage-status").hidden = true;
  byId("results").hidden = false;
  byId("study-facts").textContent = facts(study);
  showWarnings(study.warnings);
  showWhole(study);
  showAbout(study);
  connect(study);
  announce("The analysis is done. Findings and report are shown.");
}

/** One selected finding, seen in four places: list, heatmap, detail lines and report. */
function connect(study) {
  const findings = sortFindings(study.findings);
  const wasMeasured = findings.some((finding) => finding.heatmap_reliability);
  let selected;
  const viewer = new Viewer(study, { onStep: step });
  const list = new FindingList(byId("finding-list"), findings, (name) => {
    select(name);
    viewer.switchHeatmapOn();
  });
  const report = new ReportSection(study, {
    onSentence: (names) => {
      // A sentence on several findings keeps the one that is already shown.
      if (!names.includes(selected)) select(names[0]);
    },
  });
  const links = linkEvidence(byId("finding-list"), byId("report"), (names) => {
    viewer.preview(names.includes(selected) ? selected : names[0]);
  });

  function select(name) {
    selected = name;
    links.clear();
    viewer.select(name);
    list.setSelected(name);
    report.setSelected(name);
    showDownloads(name);
    renderDetail(byId("finding-detail"), findings.find((finding) => finding.name === name) ?? null, { study, wasMeasured });
  }

  function step(direction) {
    const { names } = list;
    select(names[(names.indexOf(selected) + direction + names.length) % names.length]);
    const finding = findings.find((candidate) => candidate.name === selected);
    announce(finding ? `${finding.display_name}, ${finding.decision}` : "No heatmap");
  }

  new MoreSection(study.id, { onFindings: ([name]) => select(name) });
  showReference(byId("reference-labels"), study);
  const first = findings[0];
  select(first.decision === "present" || first.decision === "possible" ? first.name : null);
}

function facts(study) {
  const { width, height } = study.image;
  return [study.view ? `${study.view} view` : "View not stated", `${width} × ${height} pixels`, `uploaded ${localTime(study.created)}`].join(" · ");
}

/** Whether the study shows anything at all, and by which policy findings are called. */
function showWhole({ abnormal, policy }) {
  const line = byId("abnormal");
  line.hidden = !abnormal;
  if (abnormal) {
    const called = abnormal.threshold !== null && abnormal.probability >= abnormal.threshold;
    line.replaceChildren(
      el("strong", {}, abnormal.threshold === null ? "Any finding" : called ? "Abnormal" : "Nothing called"),
      abnormalBar(abnormal),
      el("span", { class: "abnormal-words" }, abnormal.words),
    );
  }
  byId("policy").hidden = !policy;
  byId("policy").textContent = `Policy in force: ${policy}.`;
}

function showWarnings(texts) {
  const box = byId("warnings");
  box.hidden = texts.length === 0;
  box.querySelector("ul").replaceChildren(...texts.map((text) => el("li", {}, text)));
}

/** Links of all downloads; those with a picture show the selected finding, or the leading one if none is selected. */
function showDownloads(finding) {
  for (const link of byId("downloads").querySelectorAll("a")) link.href = downloadUrl(studyId, link.dataset.file, "picture" in link.dataset ? finding : null);
}

function showAbout(study) {
  const spacing = study.image.pixel_spacing_mm;
  const rows = [
    ["Model", `${study.model.name}, version ${study.model.version}`],
    ...(study.policy ? [["Policy", `${study.policy}, chosen for ${study.policy_chosen_for}`]] : []),
    ["Time taken", seconds(study.timing_ms.total)],
    ["Pixel spacing", spacing ? `${spacing.map((mm) => mm.toFixed(3)).join(" × ")} mm` : "not stated in the file"],
    ["Checked on upload", `${study.gate.checks.join(", ")}: ${gateInWords(study.gate)}`],
    ["Cardiothoracic ratio", cardiothoracicInWords(study.anatomy)],
    ["Study", study.id],
  ];
  byId("about-facts").replaceChildren(...rows.flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]));
}

function gateInWords({ verdict, frontal, forced }) {
  const words = { accepted: "accepted", unsure: "doubtful", refused: forced ? "refused, judged because somebody insisted" : "refused" };
  return `${words[verdict]} (a frontal chest with a probability of ${percent(frontal)})`;
}

function cardiothoracicInWords(anatomy) {
  const ratio = anatomy?.cardiothoracic_ratio;
  return ratio ? `${ratio.toFixed(2)}, measured on the outlines of heart and lungs` : "not measured: heart or lungs are not clearly seen";
}

async function removeStudy() {
  // The report may have been signed since the page was opened.
  const { review } = await getStudy(studyId).catch(() => ({ review: null }));
  if (!(await confirmDelete(byId("study-title").textContent, { reviews: [review] }))) return;
  try {
    await deleteStudy(studyId);
  } catch (error) {
    // Gone already is what was wanted.
    if (error.status !== 404) {
      byId("delete-error").textContent = error.message;
      return;
    }
  }
  location.assign(document.documentElement.dataset.root);
}

byId("delete-study").addEventListener("click", removeStudy);
byId("analyse-again").addEventListener("click", repeat);

try {
  const study = await followStudy(studyId, {
    onChange: showProgress,
    onTrouble: (error) => showStage("queued", { title: "Waiting for the server", text: `${error.message} Trying again.` }),
  });
  if (study.status === "done") showResults(study);
  else showFailure(study.error);
} catch (error) {
  if (error.name !== "ApiError") throw error;
  showMissing(error);
}
