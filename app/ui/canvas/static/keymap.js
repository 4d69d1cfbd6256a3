// Which key means what. Most keys can be changed; the person's own are kept in this browser.

const STORE = "sdpt.keys";

/** [group, [[command, what it does, default keys], ...]] */
export const COMMANDS = [
  ["Boxes", [
    ["pen", "draw with the keyboard: arrows, Enter; while pointing, one point", ["B"]],
    ["points", "draw by four outermost points, or by dragging", ["E"]],
    ["pointing", "point: at the middle of an object, by a click or by B and arrows, and its box is found", ["P"]],
    ["another", "not that: the next guess at what was pointed at", ["Q"]],
    ["edge", "bring the edge that is meant to the pointer (also Ctrl click)", ["W"]],
    ["pick", "choose a class by typing its name", ["L"]],
    ["duplicate", "duplicate the box", ["Ctrl+D"]],
    ["copyPrevious", "copy the boxes of the previous image", ["C"]],
    ["remove", "delete the box, reject the proposal", ["Delete", "Backspace"]],
    ["undo", "undo", ["Ctrl+Z"]],
    ["redo", "redo", ["Ctrl+Shift+Z", "Ctrl+Y"]],
  ]],
  ["Proposals", [
    ["accept", "accept the selected one, go to the next; with none selected, to the first", ["Space"]],
    ["reject", "reject it, go to the next", ["X"]],
    ["rejectRest", "reject all that are left", ["Shift+X"]],
    ["acceptAll", "accept all from the threshold on", ["Shift+Space"]],
    ["lowerScore", "threshold down", ["["]],
    ["raiseScore", "threshold up", ["]"]],
    ["toggleProposals", "hide, show proposals", ["H"]],
  ]],
  ["Images", [
    ["done", "image is done, next", ["Enter"]],
    ["toggleDone", "done, or open again, and stay", ["Shift+Enter"]],
    ["none", "has none: reject all, done, next", ["N"]],
    ["skip", "skip for now, next", ["S"]],
    ["next", "next image", ["D", "PageDown"]],
    ["previous", "previous image", ["A", "PageUp"]],
    ["flag", "flag it, or take the flag off", ["R"]],
    ["comment", "write a comment", ["M"]],
    ["goTo", "go to an image by name", ["G"]],
    ["search", "search in the list", ["/"]],
  ]],
  ["View", [
    ["fit", "fit", ["F"]],
    ["actualSize", "original size, 1:1", ["O"]],
    ["zoomIn", "zoom in", ["+", "="]],
    ["zoomOut", "zoom out", ["-"]],
    ["peek", "hide, show all boxes", ["J"]],
    ["controls", "to the buttons and lists (Esc: back to the image)", ["F6"]],
    ["tune", "to Tune", ["T"]],
    ["review", "to Review, and from there to Label", ["V"]],
    ["help", "these keys", ["?"]],
  ]],
];

/** Keys that stay as they are. */
export const FIXED = [
  ["Boxes", [
    ["Drag", "draw a box (Shift: also on top of a selected one; Alt: without snapping)"],
    ["1 … 9, 0", "class of the selected box, and of the next ones"],
    ["Tab, Shift Tab", "next, previous box; first those that overlap under the pointer"],
    ["Arrows", "move by 1 px; Shift: 10 px"],
    ["Ctrl arrows", "pull the lower right corner; Shift: 10 px"],
    ["Alt arrows", "pull the upper left corner; Shift: 10 px"],
    ["Esc", "cancel, deselect"],
  ]],
  ["Proposals", [["Drag it, or a digit", "correct it"]]],
  ["Images", [["→, ←", "next, previous while no box is selected"]]],
  ["View", [
    ["Wheel", "zoom at the pointer"],
    ["Space drag, middle or right drag", "pan; with no box selected also Shift arrows"],
  ]],
];

const isFixed = (chord) => /^(Ctrl\+|Alt\+|Shift\+)*(Arrow\w+|Tab|Escape|\d)$/.test(chord);
const MODIFIERS = ["Control", "Shift", "Alt", "Meta", "AltGraph"];

/** "Ctrl+Shift+Z", "Space", "?" … of a keyboard event; null for a modifier alone. */
export function chordOf(event) {
  const { key } = event;
  if (MODIFIERS.includes(key) || key === "Dead" || key === "Unidentified") return null;
  const isLetter = /^\p{L}$/u.test(key);
  const name = key === " " ? "Space" : isLetter ? key.toUpperCase() : key;
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const alt = event.altKey ? "Alt+" : "";
  // With signs such as "?" the shift key is part of the sign, and differs between keyboards.
  const shift = event.shiftKey && (isLetter || key.length > 1 || key === " ") ? "Shift+" : "";
  return control + alt + shift + name;
}

/** Event "change". */
export class Keymap extends EventTarget {
  constructor() {
    super();
    this.own = read();
    this.#index();
    addEventListener("storage", ({ key }) => {
      if (key !== STORE) return;
      this.own = read();
      this.#index();
    });
  }

  keysOf(command) {
    return this.own[command] ?? DEFAULTS.get(command) ?? [];
  }

  commandOf(chord) {
    return this.byChord.get(chord) ?? null;
  }

  get isChanged() {
    return Object.keys(this.own).length > 0;
  }

  /** Give a command one key. Null, or the sentence why not. */
  rebind(command, chord) {
    if (isFixed(chord)) return `${shownKey(chord)} cannot be changed; choose another key.`;
    const holder = this.commandOf(chord);
    if (holder && holder !== command) {
      const rest = this.keysOf(holder).filter((key) => key !== chord);
      if (!rest.length) return `${shownKey(chord)} means “${TEXTS.get(holder)}”; give that another key first.`;
      this.own[holder] = rest;
    }
    this.own[command] = [chord];
    this.#keep();
    return null;
  }

  reset() {
    this.own = {};
    this.#keep();
  }

  #keep() {
    localStorage.setItem(STORE, JSON.stringify(this.own));
    this.#index();
  }

  #index() {
    this.byChord = new Map();
    for (const command of DEFAULTS.keys()) for (const chord of this.keysOf(command)) this.byChord.set(chord, command);
    this.dispatchEvent(new Event("change"));
  }
}

const ALL = COMMANDS.flatMap(([, commands]) => commands);
const DEFAULTS = new Map(ALL.map(([command, , keys]) => [command, keys]));
const TEXTS = new Map(ALL.map(([command, text]) => [command, text]));

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(STORE)) ?? {};
    return Object.fromEntries(Object.entries(found).filter(([name, keys]) => DEFAULTS.has(name) && Array.isArray(keys)));
  } catch {
    return {}; // written by another version
  }
}

/** As a person reads it: "Ctrl Shift Z", "Del". */
export function shownKey(chord) {
  const parts = chord === "+" ? ["+"] : chord.split(/\+(?=.)/);
  const names = { Delete: "Del", Escape: "Esc", "-": "−" };
  return parts.map((part) => names[part] ?? part).join(" ");
}
