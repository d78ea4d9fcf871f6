// The line in which a question is asked.

import { askQuestion } from "./inquiry_api.js";
import { sendWith } from "../sending.js";

export class QuestionForm {
  constructor(studyId, onAsked) {
    const form = document.getElementById("ask-form");
    sendWith(form, async () => {
      await askQuestion(studyId, form.elements.question.value);
      form.elements.question.value = "";
      form.elements.question.focus();
      onAsked();
    });
  }
}
