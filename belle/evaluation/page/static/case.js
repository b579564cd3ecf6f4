// One case: question, reference, rubric, and one answer or two with the rules that they keep or break.

import { ask } from "./server.js";
import { at, make } from "./show.js";
import { classWord, errorWords, problemWords, word } from "./words.js";

let checking = new AbortController();

/** Show a case that the server has sent; `request` asks for its rules. */
export function showCase(shown, request) {
  checking.abort();
  checking = new AbortController();
  at("shown").hidden = false;
  at("item-class").textContent = classWord(shown.item.class);
  at("item-id").textContent = shown.in_set ? shown.item.id : word("pasted");
  at("turns").replaceChildren(...turns(shown.item.turns));
  at("reference").hidden = !shown.item.reference;
  at("reference-text").replaceChildren(make("span", { text: shown.item.reference }));
  at("rubric").hidden = shown.item.rubric.length === 0;
  at("rubric-list").replaceChildren(...shown.item.rubric.map(text => make("li", { text, dir: "auto" })));
  at("answers").className = shown.answers.length === 2 ? "two" : "";
  at("answers").replaceChildren(...shown.answers.map((answer, index) => answerBox(shown, answer, index)));
  if (shown.item.n_checks && shown.answers.length) showChecks(request, checking.signal);
  at("judge").hidden = !shown.is_complete;
}

/** Say why there is nothing to decide on; "" where there is. */
export function sayNoAnswer(text) {
  at("no-answer").hidden = !text;
  at("no-answer-text").textContent = text;
}

/** Mark the side that was chosen: "left", "right", "tie" for both, or null. */
export function markChosen(choice) {
  for (const [index, side] of ["left", "right"].entries()) {
    at("answers").children[index]?.classList.toggle("chosen", choice === side || choice === "tie");
  }
}

function turns(texts) {
  if (texts.length === 1) return [make("div", { className: "text", dir: "auto", text: texts[0] })];
  return texts.map((text, index) =>
    make("div", { className: "turn" },
      make("div", { className: "quiet", text: word("turn", { n: index + 1 }) }),
      make("div", { className: "text", dir: "auto", text })));
}

function answerBox(shown, answer, index) {
  const name = shown.is_pair ? word(["left", "right"][index]) : word("answer");
  const model = answer.model ?? word("hidden");
  const n = [...answer.text].length.toLocaleString();
  const box = make("section", { className: "answer", "aria-label": `${name} – ${model}` },
    make("h2", {},
      make("span", { text: name }), " ",
      make("bdi", { className: "quiet model", text: model }), " ",
      make("span", { className: "quiet", text: `· ${word("characters", { n })}` })));
  if (answer.before) {
    box.append(make("details", {},
      make("summary", { text: word("before") }),
      make("div", { className: "text", dir: "auto", text: answer.before })));
  }
  const empty = !answer.text.trim();
  const [className, text] = empty ? ["text quiet", word("empty_answer")] : ["text", answer.text];
  box.append(make("div", { className, text, dir: "auto", tabIndex: 0 }));
  if (shown.item.n_checks) {
    box.append(make("ul", { className: "checks", "aria-label": word("checks") },
      make("li", { className: "quiet", text: word("checks_wait") })));
  }
  return box;
}

async function showChecks(request, signal) {
  let results;
  try {
    results = (await ask("/api/checks", request, signal)).answers.map(checks => checks.map(checkRow));
  } catch (error) {
    if (error.name === "AbortError") return;
    results = [...at("answers").children].map(() => [make("li", { className: "bad", text: errorWords(error) })]);
  }
  if (signal.aborted) return;
  for (const [index, rows] of results.entries()) {
    at("answers").children[index]?.querySelector(".checks").replaceChildren(...rows);
  }
}

function checkRow(result) {
  const { type, rule, problem, unknown } = result;
  const [mark, look, state] = problem === null ? ["?", "warn", "unknown"]
    : problem ? ["✗", "bad", "broken"] : ["✓", "good", "kept"];
  const row = make("li", {},
    make("span", { className: look, text: `${mark} ${word(`check_${state}`)}` }), " ",
    make("strong", { text: word(`check_${type}`) }), " ",
    make("code", { text: rule }));
  if (problem || unknown) row.append(" ", make("bdi", { text: problemWords(result) }));
  return row;
}
