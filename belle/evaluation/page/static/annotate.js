// The decision of the person: a score from 0 to 10 for one answer, or the better of two.

import { markChosen } from "./case.js";
import { at, make, visible } from "./show.js";
import { word } from "./words.js";

const TEN_MS = 1200; // within which 1 and then 0 is 10
let one = 0; // when 1 was pressed

/** Make the buttons 0 … 10. */
export function makeScale() {
  const scale = make("div", { className: "scale" });
  for (let score = 0; score <= 10; score++) {
    scale.append(make("label", {},
      make("input", { type: "radio", name: "score", value: String(score) }),
      make("span", { text: String(score) })));
  }
  at("score-choices").replaceChildren(scale);
}

/** Prepare the decision on a case; `why` says why it cannot be kept, "" where it can. */
export function showDecision(shown, why) {
  at("decision").hidden = !shown.is_complete;
  const open = shown.is_complete && !why;
  at("scores").hidden = shown.is_pair || !open;
  at("choices").hidden = !shown.is_pair || !open;
  at("save").hidden = shown.is_pair || !open;
  one = 0;
  showDecided(shown, shown.decision, why);
}

/** Show what is decided. */
export function showDecided(shown, decision, why = "") {
  const { score = null, choice = null } = decision ?? {};
  if (!shown.is_pair) choose(score === null ? null : Math.round(score * 10));
  const told = score !== null ? word("decided_score", { score: Number((score * 10).toFixed(2)) })
    : choice !== null ? word(`decided_${choice}`) : word("undecided");
  tell(why || told);
  at("take-back").hidden = score === null && choice === null;
  for (const button of at("choices").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === choice));
  }
  markChosen(choice);
}

/** A sentence beside the buttons. */
export function tell(text) {
  at("decided").textContent = visible(text);
}

/** The score that is chosen, 0 … 10; null for none. */
export function chosen() {
  const input = at("score-choices").querySelector("input:checked");
  return input ? Number(input.value) : null;
}

/** Choose by a digit: 1 and then, soon after, 0 is 10. */
export function chooseDigit(digit) {
  const isTen = digit === 0 && Date.now() - one < TEN_MS;
  choose(isTen ? 10 : digit);
  one = digit === 1 ? Date.now() : 0;
}

/** A lower or higher score. */
export function moveScore(by) {
  const now = chosen();
  choose(now === null ? 5 : Math.min(10, Math.max(0, now + by)));
}

function choose(score) {
  for (const input of at("score-choices").querySelectorAll("input")) input.checked = Number(input.value) === score;
}
