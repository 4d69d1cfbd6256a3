// The keyboard on the page around the canvases: from tab to tab, and on from a button that goes out of use.

import { chordOf, Keymap } from "./keymap.js";

const FIRST = { Tune: "#tune-start" }; // what a person wants there
const AFTER = { // where the keyboard goes when a button goes out of use
  "tune-start": "tune-cancel", "tune-cancel": "prelabel-start",
  "prelabel-start": "prelabel-cancel", "prelabel-cancel": "prelabel-start",
};
const PATIENCE_MS = 4000;

/** Open a tab by its name and give it the keyboard. A canvas takes it by itself. */
export function openTab(name) {
  const tab = [...document.querySelectorAll("button[role=tab]")].find((t) => t.textContent.trim() === name);
  if (!tab) return;
  tab.click();
  tab.focus({ focusVisible: true });
  if (FIRST[name]) focusWhenReady(() => document.querySelector(FIRST[name]));
}

/** Once per page. */
export function start() {
  const keymap = new Keymap();
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event.target) || isCanvasInSight()) return;
    const command = keymap.commandOf(chordOf(event));
    if (command === "tune") openTab("Tune");
    else if (command === "review") openTab("Review");
    else return;
    event.preventDefault();
  });
  keepFocus();
}

/** A button that is disabled while it has the keyboard would drop it on the floor: the next one takes over. */
function keepFocus() {
  let last = null; // the button that was used last, until the keyboard goes elsewhere
  addEventListener("focusin", ({ target }) => (last = target.id in AFTER ? target : null));
  const hand = () => {
    if (!last?.disabled || ![last, document.body].includes(document.activeElement)) return;
    const next = document.getElementById(AFTER[last.id]);
    if (next && !next.disabled) next.focus({ focusVisible: true });
  };
  new MutationObserver(hand).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["disabled"] });
}

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable=''], [contenteditable=true], dialog") != null;
}

const isCanvasInSight = () => [...document.querySelectorAll(".sdpt-stage")].some((stage) => stage.clientWidth > 0);

function focusWhenReady(find, until = performance.now() + PATIENCE_MS) {
  const element = find();
  if (element?.offsetParent && !element.disabled) element.focus({ focusVisible: true });
  else if (performance.now() < until) requestAnimationFrame(() => focusWhenReady(find, until));
}
