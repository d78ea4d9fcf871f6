// Messages above the report that stay until they are answered.

import { announce, el } from "../dom.js";
import { shortTime } from "../format.js";
import { renderDifferences } from "./differences.js";
import { SECTIONS } from "./review_api.js";

export class Notices {
  #box = document.getElementById("report-notices");

  /** A later notice of the same name takes the place of the earlier. actions: [[text, onClick], ...] */
  show(name, message, { actions = [], content = [] } = {}) {
    const notice = el("div", { class: "notice", role: "group", "aria-label": message, data: { notice: name, testid: `notice-${name}` } }, el("p", {}, message), ...content);
    const buttons = actions.map(([text, onClick]) =>
      el("button", { class: "button button-small", type: "button", onclick: () => { this.hide(name); onClick(); } }, text));
    if (buttons.length) notice.append(el("div", { class: "notice-actions" }, ...buttons));
    this.hide(name);
    this.#box.append(notice);
    announce(message);
  }

  hide(name) {
    this.#box.querySelector(`[data-notice="${name}"]`)?.remove();
  }

  restored(time, onDismiss) {
    this.show("restored", `Unsaved changes from ${shortTime(time)} were restored.`, { actions: [["All right", onDismiss]] });
  }

  /** Both texts, and what to do with them. */
  conflict(mine, review, { onMine, onOther }) {
    const differences = el("div", { class: "differences" });
    renderDifferences(differences, review.text, mine);
    const by = review.record.entries.at(-1)?.author;
    this.show("conflict", `The report was changed elsewhere at ${shortTime(review.saved_at)}${by ? ` by ${by}` : ""}. Nothing was overwritten; here are both texts.`, {
      content: [
        el("div", { class: "both-texts" }, text("The other text", review.text, "other"), text("Your text", mine, "mine")),
        el("details", {}, el("summary", {}, "From the other text to yours"), differences),
      ],
      actions: [["Go on with my text", onMine], ["Take the other text", onOther]],
    });
  }

  /** The report was signed while a text was still unsaved here. */
  signedMeanwhile(mine, review, { onDiscard }) {
    this.show("signed", `The report was signed by ${review.signed_by} in the meantime. Your unsaved text is kept in this browser; reopen the report to go on with it.`, {
      content: [text("Your unsaved text", mine, "mine")],
      actions: [["Discard my text", onDiscard]],
    });
  }
}

function text(title, sections, part) {
  return el(
    "section",
    { data: { testid: `text-${part}` } },
    el("h4", {}, title),
    ...SECTIONS.map(([key, name]) => el("p", { class: "plain-text" }, el("b", {}, `${name}. `), sections[key])),
  );
}
