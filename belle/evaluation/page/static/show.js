// Puts texts into the page. Texts of models, items and servers are hostile: they become text nodes and nothing else.
// There is no innerHTML in this page, and its content security policy (trusted types) refuses it.

// Characters that change the direction or the look of what follows, and those that nobody can see.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

export const at = id => document.getElementById(id);

/** `text` with every character that commands the display written out, such as ⟦U+202E⟧. */
export function visible(text) {
  return text.replace(/\r\n/g, "\n").replace(UNSEEN, character => {
    const code = character.codePointAt(0).toString(16).toUpperCase();
    return `⟦U+${code.padStart(4, "0")}⟧`;
  });
}

/** A new element: its properties by name, `text` made visible, and what stands in it. */
export function make(tag, { text, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = visible(text);
  element.append(...children);
  return element;
}

/** Show `text` in the element with this id; hide the element where there is none. */
export function say(id, text) {
  at(id).textContent = visible(text ?? "");
  at(id).hidden = !text;
}

/** Replace the options of a select by `[value, label]` pairs; the chosen one stays, if it is among them. */
export function choices(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, text })));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}
