// The table of keys, where they can be changed.

import { button, h } from "./dom.js";
import { chordOf, COMMANDS, FIXED, shownKey } from "./keymap.js";
import { openDialog } from "./palette.js";

let opened = null;

/** Open the table, or close it when it is open. */
export function toggleKeys(host, keymap) {
  if (opened) {
    opened.close();
    return;
  }
  const told = h("p", { class: "sdpt-keys-told", role: "status", "data-testid": "canvas-keys-told" });
  const groups = h("div", { class: "sdpt-keys-groups" });
  const reset = button("Back to the first keys", { title: "Give every command its first key again", "data-testid": "canvas-keys-reset",
    onClick: () => keymap.reset() });
  const close = button("Close", { title: "Close (Esc)", onClick: () => opened.close() });
  const dialog = h("dialog", { class: "sdpt-dialog sdpt-keys", "aria-label": "Keys", "data-testid": "canvas-keys" },
    h("header", {}, h("h2", {}, "Keys"), h("span", { class: "sdpt-space" }), reset, close),
    h("p", { class: "sdpt-aside" }, "Press one of the marked keys to change it. Changes are kept in this browser."),
    told, groups);
  const asking = { command: null };
  const draw = () => {
    groups.replaceChildren(...COMMANDS.map(([name, commands]) => section(name, commands, keymap, asking, draw)));
    reset.hidden = !keymap.isChanged;
    groups.querySelector(".is-asking")?.focus();
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?" && asking.command === null) opened.close();
    if (asking.command === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") answer(null);
    else if (chordOf(event)) answer(chordOf(event));
  });
  dialog.addEventListener("cancel", (event) => asking.command !== null && event.preventDefault());
  const answer = (chord) => {
    const { command } = asking;
    asking.command = null;
    told.textContent = chord ? keymap.rebind(command, chord) ?? "" : "";
    draw();
    groups.querySelector(`[data-command="${command}"]`)?.focus();
  };
  keymap.addEventListener("change", draw);
  opened = dialog;
  draw();
  openDialog(host, dialog, () => {
    keymap.removeEventListener("change", draw);
    opened = null;
  });
}

function section(name, commands, keymap, asking, draw) {
  const fixed = FIXED.find(([group]) => group === name)[1];
  return h("section", {}, h("h3", {}, name), h("dl", {},
    ...fixed.flatMap(([key, what]) => [h("dt", {}, key), h("dd", {}, what)]),
    ...commands.flatMap(([command, what]) => [h("dt", {}, keyButton(command, what, keymap, asking, draw)), h("dd", {}, what)])));
}

function keyButton(command, what, keymap, asking, draw) {
  const isAsking = asking.command === command;
  const keys = keymap.keysOf(command).map(shownKey).join(", ");
  return h("button", {
    type: "button", class: `sdpt-key${isAsking ? " is-asking" : ""}`, "data-testid": `key-${command}`, data: { command },
    "aria-label": isAsking ? `Press a key for ${what}` : `${what}: ${keys}. Change`,
    on: { click: () => { asking.command = command; draw(); } },
  }, isAsking ? "press a key…" : keys);
}
