// The list of items: what is decided, where one is, and the way through it with the arrow keys.

import { at, make } from "./show.js";
import { classWord, word } from "./words.js";

const MARKS = { done: "✓", open: "", empty: "–" };
let chooseItem = () => {};

/** Show the items that were found. `choose` is called with the id of one. */
export function fillItems({ rows, n }, current, choose) {
  chooseItem = choose;
  at("list").replaceChildren(...rows.map(listRow));
  const left = n - rows.length;
  at("list-note").textContent = n === 0 ? word("none_found")
    : left > 0 ? word("more_rows", { n: left.toLocaleString() }) : "";
  showCurrent(current);
}

/** Mark the item that is shown. It alone is reached with Tab; the arrow keys lead to the others. */
export function showCurrent(item) {
  const buttons = [...at("list").querySelectorAll("button")];
  const current = buttons.find(button => button.dataset.item === item);
  for (const button of buttons) {
    if (button === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    button.tabIndex = button === (current ?? buttons[0]) ? 0 : -1;
  }
  current?.scrollIntoView({ block: "nearest" });
}

/** The next item in a direction, of all or of those with a status; from the end the search goes on at the beginning. */
export function itemAfter(rows, item, direction, status) {
  const start = rows.findIndex(row => row.id === item);
  if (!status) return rows[start + direction]?.id ?? null;
  for (let n = 1; n <= rows.length; n++) {
    const row = rows[(start + direction * n + rows.length * 2) % rows.length];
    if (row.status === status && row.id !== item) return row.id;
  }
  return null;
}

/** Let the arrow keys move through the list. */
export function setUpList() {
  at("list").addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) chooseItem(button.dataset.item);
  });
  at("list").addEventListener("keydown", event => {
    const row = event.target.closest("li");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
    if (next) {
      event.preventDefault();
      next.firstElementChild.focus();
    }
  });
}

function listRow({ id, class: category, title, status }) {
  const button = make("button", { type: "button" },
    make("span", { className: "good", text: MARKS[status], "aria-hidden": "true" }),
    make("bdi", { className: "name", text: title }),
    make("bdi", { className: "quiet", text: `${id} · ${classWord(category)}` }));
  button.dataset.item = id;
  if (status === "done") button.append(make("span", { className: "unseen", text: word("done") }));
  return make("li", {}, button);
}
