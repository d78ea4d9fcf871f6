// A form of filters whose values are kept in the address, so that a reload or a link shows the same.

const TYPING_MS = 250;

export class Filters {
  #form;
  #onChange;
  #timer = null;
  #reported;

  constructor(form, { onChange }) {
    this.#form = form;
    this.#onChange = onChange;
    const given = new URLSearchParams(location.search);
    for (const field of this.#fields()) {
      const value = given.get(field.name);
      // A value that is none of the choices would leave a select without any.
      if (value !== null && (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === value))) field.value = value;
    }
    this.#nameDecisions();
    this.#reported = JSON.stringify(this.values);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#change();
    });
    form.addEventListener("input", (event) => {
      clearTimeout(this.#timer);
      if (event.target.type === "search") this.#timer = setTimeout(() => this.#change(), TYPING_MS);
      else this.#change();
    });
    // Who leaves the field means what stands in it; nothing may change later under what is done next.
    form.addEventListener("focusout", () => this.#change());
  }

  /** The filled-in fields by name. */
  get values() {
    return Object.fromEntries(this.#fields().map((field) => [field.name, field.value.trim()]).filter(([, value]) => value));
  }

  /** Something is left out; sorting leaves nothing out. */
  get isActive() {
    return Object.keys(this.values).some((name) => name !== "sort");
  }

  clear() {
    for (const field of this.#fields()) if (field.name !== "sort") field.value = "";
    this.#change();
    this.#form.elements.query.focus();
  }

  keepInAddress(further = {}) {
    const text = new URLSearchParams({ ...this.values, ...further }).toString();
    history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
  }

  #change() {
    clearTimeout(this.#timer);
    const text = JSON.stringify(this.values);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#nameDecisions();
    this.#onChange();
  }

  /** With a finding, no decision means that it was called at all. */
  #nameDecisions() {
    const { finding, decision } = this.#form.elements;
    if (decision) decision.options[0].textContent = finding.value ? "Present or possible" : "Any decision";
  }

  #fields() {
    return [...this.#form.elements].filter((field) => field.name);
  }
}
