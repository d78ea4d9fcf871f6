// What was asked, latest first, each with its answer or with what keeps it. An answer is built once and then stays.

import { announce, el } from "../dom.js";
import { shortTime } from "../format.js";
import { status } from "../marks.js";
import { answerView } from "./answer_view.js";
import { comparisonView } from "./comparison_view.js";

const TITLES = {
  question: ({ question }) => question,
  record: () => "The image alone, and image with record",
  settings: settingsInWords,
};

export class InquiryList {
  #list;
  #whenEmpty;
  #onFindings;
  #onRemove;
  #items = new Map();

  /** whenEmpty is said where nothing was asked, if anything is to be said then; onRemove(inquiry, title) follows a button. */
  constructor(list, whenEmpty, { onFindings, onRemove }) {
    this.#list = list;
    this.#whenEmpty = whenEmpty;
    this.#onFindings = onFindings;
    this.#onRemove = onRemove;
  }

  show(inquiries) {
    if (inquiries.length === 0) {
      this.#list.replaceChildren(...(this.#whenEmpty ? [el("li", { class: "hint" }, this.#whenEmpty)] : []));
      return;
    }
    for (const inquiry of inquiries) this.#showOne(inquiry);
    const items = inquiries.map(({ id }) => this.#items.get(id).element).reverse();
    // The same items again would lose the focus within them.
    if (items.length !== this.#list.children.length || items[0] !== this.#list.firstElementChild) this.#list.replaceChildren(...items);
  }

  #showOne(inquiry) {
    const before = this.#items.get(inquiry.id);
    if (before?.state === inquiry.state) return;
    const element = before?.element ?? el("li", { class: "inquiry", data: { testid: "inquiry" } });
    element.dataset.state = inquiry.state;
    element.replaceChildren(this.#head(inquiry), this.#body(inquiry));
    this.#items.set(inquiry.id, { element, state: inquiry.state });
    if (before && inquiry.state === "done") announce(inquiry.kind === "question" ? `Answer: ${inquiry.answer.answer}` : "The comparison is there.");
    if (before && inquiry.state === "failed") announce(inquiry.message);
  }

  #head(inquiry) {
    const { kind, asked, asked_by: by, asked_at: at } = inquiry;
    const title = TITLES[kind](asked);
    const remove = el("button", { type: "button", class: "button button-small inquiry-remove", "aria-label": `Delete: ${title}`, data: { testid: "inquiry-remove" }, onclick: () => this.#onRemove(inquiry, title) }, "Delete");
    return el("div", { class: "inquiry-head" }, el("p", { class: "inquiry-title" }, title), el("span", { class: "hint" }, [by, shortTime(at)].filter(Boolean).join(", "), remove));
  }

  #body({ kind, state, answer, message }) {
    if (state === "waiting") return el("p", {}, status("running", kind === "question" ? "Being answered" : "Both reports are being written"));
    if (state === "failed") return el("p", { class: "inquiry-failed" }, status("failed", message));
    return kind === "question" ? answerView(answer, this.#onFindings) : comparisonView(answer);
  }
}

/** The settings that differ, by their published names. */
function settingsInWords({ settings: [first, second], mode }) {
  const changed = Object.keys(first).filter((name) => first[name] !== second[name]);
  const words = changed.map((name) => `${name.toUpperCase()} ${shown(first[name])} and ${shown(second[name])}`).join("; ");
  return mode === "image" ? `${words}; the model reports on its own` : words;
}

const shown = (value) => (typeof value === "boolean" ? (value ? "on" : "off") : String(value));
