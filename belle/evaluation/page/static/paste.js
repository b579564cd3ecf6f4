// A case that is pasted: answers to the question that is shown, or to another one.

import { at, choices } from "./show.js";
import { classWord } from "./words.js";

/** Prepare the dialog. `show` is called when a case was pasted. */
export function setUpPaste(classes, show) {
  const dialog = at("paste-dialog");
  const form = at("paste-form");
  at("paste").addEventListener("click", () => {
    choices(at("paste-class"), Object.keys(classes()).map(name => [name, classWord(name)]));
    dialog.showModal();
    (at("paste-other").hidden ? at("paste-answer-0") : at("paste-question")).focus();
  });
  form.addEventListener("change", () => {
    const isOther = form.elements.to.value === "other";
    if (isOther && at("paste-other").hidden) setTimeout(() => at("paste-question").focus());
    at("paste-other").hidden = !isOther;
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "show") show();
    dialog.returnValue = "";
  });
}

/** The request for the pasted case; `item` is the one that is shown. */
export function readPasted(item) {
  const answers = [0, 1]
    .map(n => ({ text: at(`paste-answer-${n}`).value, model: at(`paste-model-${n}`).value }))
    .filter(answer => answer.text.trim());
  if (at("paste-form").elements.to.value === "this") return { item, answers };
  const pasted = {
    question: at("paste-question").value,
    class: at("paste-class").value,
    reference: at("paste-reference").value,
    rubric: at("paste-rubric").value.split("\n"),
  };
  return { pasted, answers };
}
