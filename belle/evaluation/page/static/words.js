// The page in two languages: the browser's, or the one that was chosen before.

import { at } from "./show.js";

const KEPT = "language";
let words = {};
let language = "en";

/** Load the words, and write those that stand in the page. */
export async function loadWords() {
  words = await (await fetch("/words.json", { credentials: "omit" })).json();
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages].filter(Boolean).map(name => name.slice(0, 2));
  setLanguage(wanted.find(name => name in words) ?? "en");
}

/** Choose a language, for the next time too. */
export function chooseLanguage(name) {
  localStorage.setItem(KEPT, name);
  setLanguage(name);
}

/** The text of a word in the language of the page, with its {values} put in. */
export function word(key, values = {}) {
  return words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The name of a class of items; other than the usual ones it is as the set has it. */
export function classWord(name) {
  return words[language][`class_${name}`] ?? name;
}

/** Why an answer breaks a rule, in the language of the page where it has words for it, else as the server says it. */
export function problemWords({ key, parts, problem, unknown }) {
  return `problem_${key}` in words[language] ? word(`problem_${key}`, parts) : problem || unknown;
}

/** What went wrong, in the language of the page where it has words for it, else as the server says it. */
export function errorWords(error) {
  const known = { gone: "gone", invalid_api_key: "token", invalid_ticket: "token" }[error.code] ?? error.code;
  return words[language]?.[`error_${known}`] ?? error.message;
}

function setLanguage(name) {
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : name;
  document.title = `${word("title")} – ChatBELLE`;
  at("language").value = name;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", word(element.dataset.wordLabel));
  }
  for (const element of document.querySelectorAll("[data-word-placeholder]")) {
    element.placeholder = word(element.dataset.wordPlaceholder);
  }
}
