// The keyboard on the page around the canvases: from tab to tab, and on from a button that goes out of use.

import { h, isDialogOpen, takesLetters } from "./dom.js";
import { chordOf, Keymap } from "./keymap.js";
import { toggleKeys } from "./keysdialog.js";

const FIRST = { Tune: "#tune-start", Export: "#export-run" }; // what a person wants there
const AFTER = { // where the keyboard goes when a button goes out of use
  "tune-start": "tune-cancel", "tune-cancel": "prelabel-start",
  "prelabel-start": "prelabel-cancel", "prelabel-cancel": "prelabel-start",
};
const PATIENCE_MS = 4000;
const TAB = "sdpt.tab"; // the open one of this window

/** One per page: a key that is changed on one tab has changed on all. */
export const keymap = new Keymap();

const tabOf = (name) => [...document.querySelectorAll("button[role=tab]")].find((t) => t.textContent.trim() === name);

/** Open a tab by its name and give it the keyboard. A canvas takes it by itself. */
export function openTab(name) {
  const tab = tabOf(name);
  if (!tab) return;
  tab.focus({ focusVisible: true });
  tab.click();
}

/** Label for an address with ?image=ID, as FiftyOne's panel has it; else a page that is loaded again opens where it was. */
function openFirstTab() {
  const isImageNamed = new URLSearchParams(location.search).has("image");
  const name = isImageNamed ? "Label" : sessionStorage.getItem(TAB);
  if (tabOf(name)?.ariaSelected === "false") openTab(name);
}

function rememberTab({ target }) {
  const tab = target.closest?.("button[role=tab]");
  if (tab) sessionStorage.setItem(TAB, tab.textContent.trim());
}

/** Once per page. */
export function start() {
  const host = h("div", { class: "sdpt-canvas", style: { display: "contents" } }); // the dialogs have its look
  document.body.append(host);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isCanvasInSight() || isDialogOpen()) return;
    if (event.key === "Escape") return leaveField(event);
    if (takesLetters(event.target)) return;
    const command = keymap.commandOf(chordOf(event));
    if (command === "tune") openTab("Tune");
    else if (command === "review") openTab("Review");
    else if (command === "help") toggleKeys(host, keymap);
    else return;
    event.preventDefault();
  });
  openFirstTab();
  addEventListener("click", rememberTab);
  addEventListener("click", giveKeyboardToFirst);
  addEventListener("keydown", keepListClosed, { capture: true });
  keepFocus();
}

/** Esc leads from a field to the tab's button, where every letter is a command. */
function leaveField({ target }) {
  // The first Esc closes a list of options.
  if (!target.matches?.("input, textarea, select") || target.ariaExpanded === "true") return;
  const tabs = [...document.querySelectorAll("button[role=tab][aria-selected=true]")];
  tabs.find((tab) => tab.offsetParent)?.focus({ focusVisible: true });
}

/** Of a tab that was opened with a key: such a click has no count. */
function giveKeyboardToFirst({ target, detail }) {
  const name = detail === 0 && target.closest?.("button[role=tab]")?.textContent.trim();
  if (name in FIRST) focusWhenReady(() => document.querySelector(FIRST[name]));
}

/** Gradio's dropdown hears Tab a moment after it has lost the focus and closed, and would open again, for good. */
function keepListClosed(event) {
  if (event.key === "Tab" && event.target.matches?.("input[aria-expanded]")) event.stopPropagation();
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

const isCanvasInSight = () => [...document.querySelectorAll(".sdpt-stage")].some((stage) => stage.clientWidth > 0);

function focusWhenReady(find, until = performance.now() + PATIENCE_MS) {
  const element = find();
  if (element?.offsetParent && !element.disabled) element.focus({ focusVisible: true });
  else if (performance.now() < until) requestAnimationFrame(() => focusWhenReady(find, until));
}
