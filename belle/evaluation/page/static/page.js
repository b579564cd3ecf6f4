// The page: which items are listed, which case is shown, and what the keys do. Its parts are in the other files.

import { chooseDigit, chosen, makeScale, moveScore, showDecided, showDecision, tell } from "./annotate.js";
import { sayNoAnswer, showCase } from "./case.js";
import { setUpFrame, showKeys } from "./frame.js";
import { askJudge, cancelJudge, clearJudge } from "./judge.js";
import { fillItems, itemAfter, setUpList, showCurrent } from "./list.js";
import { readPasted, setUpPaste } from "./paste.js";
import { ask, enter } from "./server.js";
import { at, choices, say } from "./show.js";
import { chooseLanguage, classWord, errorWords, loadWords, word } from "./words.js";

const KEPT_PLACE = "place";

const page = {
  session: null, list: null, item: null, pasted: null, shown: null, isDeciding: false,
  loading: new AbortController(), listing: new AbortController(),
};

// What is asked for

function view() {
  const isPair = at("what").value === "pair";
  return { first: at("first").value, second: isPair ? at("second").value : "", blind: at("blind").checked };
}

function filters() {
  return { search: at("search").value, class: at("class").value, only_open: at("only-open").checked };
}

function caseRequest() {
  return page.pasted ?? { item: page.item, ...view() };
}

// Items

async function loadItems() {
  page.listing.abort();
  const { signal } = page.listing = new AbortController();
  page.list = await ask("/api/items", { ...view(), ...filters() }, signal);
  fillItems(page.list, page.item, item => guarded(() => go(item))());
  showProgress();
  keepPlace();
}

function showProgress() {
  const { n_done: done, n_open: open } = page.list;
  const total = done + open;
  at("progress-text").textContent = total
    ? word("progress", { done: done.toLocaleString(), total: total.toLocaleString() }) : word("progress_none");
  at("progress-bar").hidden = !total;
  at("progress-bar").max = total || 1;
  at("progress-bar").value = done;
}

async function go(item) {
  if (item === null || item === undefined) return;
  page.item = item;
  page.pasted = null;
  openSide(false); // in a small window it covers the case
  showCurrent(item);
  keepPlace();
  await loadCase();
}

async function step(direction, status) {
  const item = itemAfter(page.list.rows, page.item, direction, status);
  if (item !== null) await go(item);
  else if (status) tell(word("all_done"));
}

async function changeView() {
  showViewFields();
  await Promise.all([page.pasted || loadCase(), loadItems()]);
}

// A case

async function loadCase() {
  page.shown = null; // until the next one is there, nothing can be decided
  page.loading.abort();
  const { signal } = page.loading = new AbortController();
  clearJudge();
  const request = caseRequest();
  if (!page.pasted && page.item === null) return;
  const shown = await ask("/api/case", request, signal);
  if (signal.aborted) return;
  page.shown = shown;
  showCase(shown, request);
  showDecision(shown, whyNotKept(shown));
  const none = page.session.models.length ? "no_answer" : "no_answers";
  sayNoAnswer(shown.is_complete ? "" : word(none));
  at("unpaste").hidden = !page.pasted;
  at("case").scrollTop = 0;
  scrollTo(0, 0); // in a small window the whole page scrolls
}

function whyNotKept(shown) {
  if (!shown.in_set) return word("not_kept_pasted");
  return page.session.anchors === null ? word("not_kept_file") : "";
}

// Decisions

async function decide(decision) {
  const { shown } = page;
  if (page.isDeciding || !shown?.is_complete || whyNotKept(shown)) return;
  const digests = shown.answers.map(answer => answer.digest);
  const next = itemAfter(page.list.rows, page.item, 1, "open"); // once decided, the item may no longer be listed
  page.isDeciding = true; // a key that comes too early is meant for the next case
  try {
    const kept = await ask("/api/decide", { ...caseRequest(), ...decision, shown: digests });
    await loadItems();
    if (page.shown !== shown) return;
    showDecided(shown, kept);
    if (page.pasted || (kept.score === null && kept.choice === null)) return;
    if (next !== null) await go(next);
    else tell(word("all_done"));
  } finally {
    page.isDeciding = false;
  }
}

async function save() {
  if (!page.shown?.is_complete) return;
  if (page.shown.is_pair) await step(1, "open");
  else if (chosen() === null) tell(word("choose_first"));
  else await decide({ score: chosen() / 10 });
}

async function undo() {
  const { item } = await ask("/api/undo", {});
  await loadItems();
  await go(item);
  tell(word("undone"));
}

// What stands around the case

function showViewFields() {
  const isPair = at("what").value === "pair";
  const { models } = page.session;
  const named = models.map(name => [name, name]);
  choices(at("first"), isPair || models.length < 2 ? named : [["", word("any_model")], ...named]);
  choices(at("second"), named.filter(([name]) => name !== at("first").value));
  at("first-label").textContent = word(isPair ? "first" : "model");
  at("second-field").hidden = !isPair;
  at("view").hidden = models.length === 0;
  at("what").disabled = models.length < 2;
  at("blind-hint").hidden = !isPair || !at("blind").checked;
}

function showSession() {
  const { session } = page;
  at("set-name").textContent = session.set.name;
  const classes = Object.entries(session.classes);
  const named = classes.map(([name, n]) => [name, `${classWord(name)} (${n.toLocaleString()})`]);
  choices(at("class"), [["", word("all_classes")], ...named]);
  at("judge-name").textContent = session.judge === null ? word("judge_none")
    : word("judge_name", { name: session.judge, prompts: session.prompts });
  at("ask").disabled = session.judge === null;
  say("note", session.unreadable ? word("unreadable", { n: session.unreadable, path: session.anchors }) : "");
  showViewFields();
  showKeys();
}

function keepPlace() {
  const place = { ...view(), ...filters(), what: at("what").value, item: page.item };
  sessionStorage.setItem(KEPT_PLACE, JSON.stringify(place));
}

/** Where this tab was, or else where the person left off. */
async function resume() {
  const place = JSON.parse(sessionStorage.getItem(KEPT_PLACE) ?? "null") ?? {};
  const latest = page.session.latest ?? {};
  at("what").value = place.what ?? (latest.second ? "pair" : "score");
  at("blind").checked = place.blind ?? true;
  showViewFields();
  for (const name of ["first", "second"]) {
    const wanted = place[name] ?? latest[name];
    if (wanted !== undefined && [...at(name).options].some(option => option.value === wanted)) at(name).value = wanted;
    showViewFields();
  }
  at("search").value = place.search ?? "";
  at("class").value = place.class ?? "";
  at("only-open").checked = place.only_open ?? false;
  await loadItems();
  const { rows } = page.list;
  const next = itemAfter(rows, latest.item ?? null, 1, "open") ?? rows[0]?.id ?? null;
  await go(rows.some(row => row.id === place.item) ? place.item : next);
}

// Events

/** `work`, with what goes wrong said in the page. */
function reporting(work) {
  return async event => {
    try {
      await work(event);
    } catch (error) {
      if (error.name !== "AbortError") say("error", errorWords(error));
    }
  };
}

/** As `reporting`; what went wrong before is over. */
function guarded(work) {
  return reporting(async event => {
    say("error", "");
    await work(event);
  });
}

const KEYS = {
  j: () => step(1), k: () => step(-1), n: () => step(1, "open"), u: undo, Enter: save,
  g: () => page.shown?.is_complete && page.session.judge !== null && askJudge(caseRequest()),
  b: () => { at("blind").checked = !at("blind").checked; return changeView(); },
  "/": () => { openSide(true); at("search").focus(); },
  p: () => at("paste").click(),
  "?": () => at("help-dialog").showModal(),
  ArrowLeft: () => moveScore(-1), ArrowRight: () => moveScore(1),
};
const CHOICES = { 1: "left", 2: "right", 0: "tie" };

async function onKey(event) {
  const { key, target } = event;
  const writes = target.closest("input:not([type=radio], [type=checkbox]), textarea, select");
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.querySelector("dialog[open]")) return;
  if (writes) {
    if (key === "Escape") target.blur();
    return;
  }
  const isOff = !at("keys-on").checked && key !== "?" && key !== "Enter";
  const isPressed = (key === "Enter" || key.startsWith("Arrow")) && target.closest("button, summary, a, .text, pre");
  const moves = key.startsWith("Arrow") && (target.closest("input") || page.shown?.is_pair || !page.shown?.is_complete);
  if (isOff || isPressed || moves) return;
  if (/^\d$/.test(key) && page.shown?.is_complete && !whyNotKept(page.shown)) {
    event.preventDefault();
    say("error", "");
    if (!page.shown.is_pair) chooseDigit(Number(key));
    else if (key in CHOICES) await decide({ choice: CHOICES[key] });
  } else if (key in KEYS) {
    event.preventDefault();
    say("error", "");
    await KEYS[key]();
  }
}

function openSide(open) {
  at("side-toggle").setAttribute("aria-expanded", String(open));
}

function onClick(id, work) {
  at(id).addEventListener("click", guarded(work));
}

function setUpEvents() {
  document.addEventListener("keydown", reporting(onKey));
  onClick("next", () => step(1));
  onClick("previous", () => step(-1));
  onClick("next-open", () => step(1, "open"));
  onClick("undo", undo);
  onClick("take-back", () => decide(page.shown.is_pair ? { choice: null } : { score: null }));
  onClick("ask", () => askJudge(caseRequest()));
  onClick("see-prompt", () => askJudge(caseRequest(), true));
  onClick("cancel", cancelJudge);
  onClick("unpaste", () => go(page.item));
  onClick("paste-here", () => at("paste").click());
  onClick("help", () => at("help-dialog").showModal());
  onClick("side-toggle", () => openSide(at("side-toggle").getAttribute("aria-expanded") !== "true"));
  at("decision").addEventListener("submit", event => event.preventDefault());
  at("decision").addEventListener("submit", guarded(save));
  for (const button of at("choices").querySelectorAll("button")) {
    button.addEventListener("click", guarded(() => decide({ choice: button.value })));
  }
  for (const id of ["what", "first", "second", "blind"]) at(id).addEventListener("change", guarded(changeView));
  for (const id of ["class", "only-open"]) at(id).addEventListener("change", guarded(loadItems));
  let typing;
  at("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(guarded(loadItems), 200);
  });
  at("language").addEventListener("change", guarded(async () => {
    chooseLanguage(at("language").value);
    showSession();
    await Promise.all([loadCase(), loadItems()]);
  }));
  setUpPaste(() => page.session.classes, guarded(async () => {
    page.pasted = readPasted(page.item);
    await loadCase();
  }));
  setUpList();
}

await guarded(async () => {
  await loadWords();
  setUpFrame();
  await enter();
  page.session = await ask("/api/session");
  makeScale();
  setUpEvents();
  showSession();
  await resume();
  document.documentElement.dataset.ready = "yes";
})();
