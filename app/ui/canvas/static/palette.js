// A list to choose from by typing: classes by name, images by path.

import { h } from "./dom.js";

let counter = 0;

/**
 * Open over the canvas. search(text) gives [{label, color?, aside?, pick}], at once or as a promise; Enter picks
 * the marked one, the arrows move the mark.
 */
export function openPalette(host, { title, placeholder, search, testid }) {
  const listId = `sdpt-palette-${++counter}`;
  const list = h("ul", { class: "sdpt-palette-list", role: "listbox", id: listId, "aria-label": title });
  const input = h("input", {
    type: "text", placeholder, role: "combobox", "aria-expanded": "true", "aria-controls": listId,
    "aria-autocomplete": "list", "aria-label": title, autocomplete: "off", spellcheck: "false", "data-testid": `${testid}-text`,
  });
  const dialog = h("dialog", { class: "sdpt-dialog sdpt-palette", "aria-label": title, "data-testid": testid }, input, list);
  let found = [];
  let marked = 0;
  let asked = 0;
  let isStale = true; // `found` does not answer to what is typed yet

  const draw = () => {
    list.replaceChildren(...found.map((item, index) => h(
      "li",
      { role: "option", id: `${listId}-${index}`, "aria-selected": String(index === marked),
        on: { click: () => pick(index), mousedown: (e) => e.preventDefault() } },
      item.color ? h("i", { style: { background: item.color } }) : null,
      h("span", { class: "sdpt-palette-label" }, item.label),
      item.aside ? h("span", { class: "sdpt-aside" }, item.aside) : null,
    )));
    if (!found.length) list.replaceChildren(h("li", { class: "sdpt-aside" }, "Nothing fits."));
    input.setAttribute("aria-activedescendant", found.length ? `${listId}-${marked}` : "");
    list.children[marked]?.scrollIntoView({ block: "nearest" });
  };
  const update = async () => {
    const ticket = ++asked;
    isStale = true;
    const items = await search(input.value);
    if (ticket !== asked) return;
    found = items;
    isStale = false;
    marked = 0;
    draw();
  };
  const pick = (index) => {
    const item = found[index];
    if (!item) return;
    dialog.close();
    item.pick();
  };
  input.addEventListener("input", update);
  input.addEventListener("keydown", async (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      marked = (marked + step + found.length) % found.length;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (isStale) await update(); // what was typed last counts, however slow the answer
      pick(marked);
    } else return;
    event.preventDefault();
  });
  openDialog(host, dialog);
  input.focus();
  update();
}

/** Show a <dialog> over everything; it goes when it is closed, by Esc or a click beside it. */
export function openDialog(host, dialog, onClose = () => {}) {
  dialog.addEventListener("click", (event) => event.target === dialog && isBeside(dialog, event) && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  host.append(dialog);
  dialog.showModal();
}

function isBeside(dialog, { clientX: x, clientY: y }) {
  const at = dialog.getBoundingClientRect();
  return x < at.left || x > at.right || y < at.top || y > at.bottom;
}
