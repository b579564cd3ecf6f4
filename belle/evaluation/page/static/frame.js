// What stands around the cases: the theme, and the list of keys.

import { at, make } from "./show.js";
import { word } from "./words.js";

const KEPT_THEME = "theme";
const KEPT_KEYS = "keys";

/** Set the theme and the use of keys as they were chosen before, and keep what is chosen. */
export function setUpFrame() {
  chooseTheme(localStorage.getItem(KEPT_THEME) ?? "auto");
  at("theme").addEventListener("change", () => {
    localStorage.setItem(KEPT_THEME, at("theme").value);
    chooseTheme(at("theme").value);
  });
  at("keys-on").checked = localStorage.getItem(KEPT_KEYS) !== "off";
  at("keys-on").addEventListener("change", () => {
    localStorage.setItem(KEPT_KEYS, at("keys-on").checked ? "on" : "off");
  });
}

/** Write the list of keys. */
export function showKeys() {
  const rows = [
    ["0 … 9", "digits"], ["1 2 0", "pair"], ["← →", "arrows"], ["Enter", "enter"], ["j k", "move"], ["n", "open"],
    ["g", "judge"], ["b", "blind"], ["u", "undo"], ["/", "search"], ["p", "paste"], ["?", "help"],
  ];
  at("keys").replaceChildren(...rows.map(([keys, name]) =>
    make("tr", {}, make("td", {}, ...keyCaps(keys)), make("td", { text: word(`key_${name}`) }))));
}

function keyCaps(keys) {
  return keys.split(" ").flatMap(key => [key === "…" ? key : make("kbd", { text: key }), " "]);
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  at("theme").value = theme;
}
