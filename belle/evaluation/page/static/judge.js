// The judge: what it is asked, what it replies, and what that is read as.

import { ask } from "./server.js";
import { at, make } from "./show.js";
import { errorWords, word } from "./words.js";

let running = null;

/** Forget what was said about the case before, and stop waiting for what is being said. */
export function clearJudge() {
  running?.abort();
  at("opinions").replaceChildren();
  at("judge-status").textContent = "";
}

/** Ask the judge about a case, or with `onlyPrompt` see what it would be asked. */
export async function askJudge(request, onlyPrompt = false) {
  clearJudge();
  const control = running = new AbortController();
  const started = Date.now();
  const tick = () => {
    at("judge-status").textContent = word("asking", { seconds: Math.round((Date.now() - started) / 1000) });
  };
  const timer = onlyPrompt ? null : setInterval(tick, 1000);
  if (!onlyPrompt) tick();
  setBusy(true, onlyPrompt);
  let status = "";
  try {
    const said = await ask("/api/judge", { ...request, ask: !onlyPrompt }, control.signal);
    if (running === control) at("opinions").replaceChildren(...opinions(said, onlyPrompt));
  } catch (error) {
    status = error.name === "AbortError" ? word("cancelled") : errorWords(error);
  }
  clearInterval(timer);
  if (running !== control) return; // another question is being asked
  at("judge-status").textContent = status;
  setBusy(false);
}

export function cancelJudge() {
  running?.abort();
}

function setBusy(busy, onlyPrompt = false) {
  at("cancel").hidden = !busy || onlyPrompt;
  at("ask").hidden = busy && !onlyPrompt;
}

function opinions({ opinions: said, winner }, onlyPrompt) {
  const boxes = said.map(opinion => opinionBox(opinion, onlyPrompt));
  if (said.length === 2 && !onlyPrompt) {
    const same = said[0].better === said[1].better;
    boxes.push(make("section", { className: "opinion sum" },
      make("h2", { text: word("judge_both") }),
      verdict(winner ? word(`judge_${winner}`) : "–"),
      make("p", { className: "quiet", text: winner ? word(same ? "judge_same" : "judge_differs") : "" })));
  }
  return boxes;
}

function opinionBox(opinion, onlyPrompt) {
  const box = make("section", { className: "opinion" });
  if (opinion.sides.length === 2) {
    const [first, second] = opinion.sides.map(side => word(side));
    box.append(make("h2", { text: word("order", { first, second }) }));
  }
  if (!onlyPrompt) box.append(...outcome(opinion));
  const prompt = opinion.messages.map(message => `[${message.role}]\n${message.content}`).join("\n\n");
  box.append(part("prompt", prompt, onlyPrompt));
  if (opinion.reply !== null) box.append(part("reply", opinion.reply, true));
  if (opinion.json) box.append(part("json", opinion.json, false));
  return box;
}

function outcome({ score, better, reason, problem, reply }) {
  if (reply === null) return [make("p", { className: "bad", text: word("judge_failed", { problem }) })];
  const rows = [];
  if (score !== null) rows.push(verdict(word("judge_score", { score: Number(score.toFixed(3)) })));
  else if (better !== null) rows.push(verdict(word(`judge_${better}`)));
  else rows.push(make("p", { className: "warn", text: word("judge_unread", { problem }) }));
  if (reason && reason.trim() !== reply.trim()) {
    rows.push(make("p", {},
      make("span", { className: "quiet", text: `${word("reason")}: ` }),
      make("bdi", { text: reason })));
  }
  return rows;
}

function verdict(text) {
  return make("p", { className: "verdict", text });
}

function part(name, text, open) {
  const copy = make("button", { type: "button", text: word("copy") });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = word("copied");
  });
  return make("details", { open },
    make("summary", { text: word(name) }),
    make("pre", { text, tabIndex: 0, dir: "auto" }),
    make("div", { className: "bar" }, copy));
}
