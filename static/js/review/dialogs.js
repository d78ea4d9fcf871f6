// The dialogs that ask for a name: to sign and to reopen. It is that of who has signed in or, where nobody has to, one
// that is remembered in this browser.

import { el } from "../dom.js";
import { SECTIONS } from "./review_api.js";

const NAME = "chestlens:reviewer";

const PERSON = document.documentElement.dataset.person;

export const rememberedName = () => PERSON ?? localStorage.getItem(NAME) ?? "";

class NameDialog {
  #dialog;
  #form;
  #submit;

  constructor(id) {
    this.#dialog = document.getElementById(id);
    this.#form = this.#dialog.querySelector("form");
    this.part("cancel").addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => this.#send(event));
  }

  part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  /** onSubmit(values) may throw an ApiError: its sentence is shown and the dialog stays. */
  ask(onSubmit) {
    this.#submit = onSubmit;
    this.#form.reset();
    this.#form.elements.name.value = rememberedName();
    this.#form.elements.name.readOnly = PERSON !== undefined;
    this.part("error").textContent = "";
    this.#dialog.showModal();
    const empty = [...this.#form.querySelectorAll("input")].find((input) => !input.value);
    (empty ?? this.#form.querySelector(".button-primary")).focus();
  }

  async #send(event) {
    event.preventDefault();
    const button = this.#form.querySelector(".button-primary");
    const values = Object.fromEntries(new FormData(this.#form));
    button.disabled = true;
    try {
      await this.#submit(values);
      if (PERSON === undefined) localStorage.setItem(NAME, values.name.trim());
      this.#dialog.close();
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      this.part("error").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }
}

export class SignDialog extends NameDialog {
  constructor() {
    super("sign-dialog");
  }

  /** Shows exactly the text that is signed. */
  open(text, summary, onSign) {
    this.part("text").replaceChildren(...SECTIONS.map(([key, title]) => el("p", { class: "plain-text" }, el("b", {}, `${title}. `), text[key] || "(empty)")));
    this.part("summary").textContent = summary;
    this.ask(onSign);
  }
}

export class ReopenDialog extends NameDialog {
  constructor() {
    super("reopen-dialog");
  }

  open(onReopen) {
    this.ask(onReopen);
  }
}
