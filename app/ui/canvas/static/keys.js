// The keyboard. Keys are heard on the window, because a click on a button elsewhere takes the focus away from
// the canvas; they are ignored while the canvas is hidden or somebody types.

/** What the `?` overlay shows, in groups. Modes: "label", "review" or both. */
export const KEY_HELP = [
  ["Boxes", [
    ["Drag", "draw a box (Shift: also on top of a selected one)"],
    ["1 … 9, 0", "class of the selected box, and of the next ones"],
    ["Tab, Shift Tab", "next, previous box"],
    ["Arrows", "nudge by 1 px; Shift: 10 px; Ctrl: resize"],
    ["Del, Backspace", "delete the box, reject the proposal"],
    ["Ctrl Z, Ctrl Shift Z / Ctrl Y", "undo, redo"],
    ["Esc", "cancel the drag, deselect"],
  ]],
  ["Proposals", [
    ["Space", "accept the selected one, go to the next"],
    ["X", "reject it, go to the next"],
    ["Drag it, or a digit", "correct it"],
    ["Shift Space", "accept all that are shown"],
    ["H", "hide, show proposals"],
  ]],
  ["Images", [
    ["Enter", "image is done, next"],
    ["N", "has none: reject all, done, next"],
    ["S", "skip for now, next"],
    ["D, A", "next, previous image"],
    ["→, ←", "the same while no box is selected"],
    ["G or /", "go to an image by name"],
  ]],
  ["View", [
    ["Wheel", "zoom at the pointer"],
    ["+, −", "zoom in, out"],
    ["Space drag, middle or right drag", "pan"],
    ["F", "fit"],
    ["O", "original size, 1:1"],
    ["?", "show or hide these keys"],
  ]],
];

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keyboard {
  /** actions: {isVisible(), isTyping..., and one function per command}; see main.js. */
  constructor(actions) {
    this.actions = actions;
    this.isSpaceOurs = false;
    const options = { capture: true };
    this.handlers = { keydown: (e) => this.#down(e), keyup: (e) => this.#up(e), blur: () => this.#letGo() };
    for (const [name, handler] of Object.entries(this.handlers)) addEventListener(name, handler, options);
  }

  dispose() {
    for (const [name, handler] of Object.entries(this.handlers)) removeEventListener(name, handler, { capture: true });
  }

  #isOurs(event) {
    if (event.defaultPrevented || event.isComposing || !this.actions.isVisible()) return false;
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return true;
    if (target.closest("input, textarea, select, [contenteditable=''], [contenteditable=true], dialog")) return false;
    // A control that was reached with the keyboard keeps the keys that work it.
    const isOnControl = target.matches("button, a[href], [role=tab], [role=button]") && target.matches(":focus-visible");
    return !(isOnControl && ["Enter", " ", "Tab"].includes(event.key));
  }

  #down(event) {
    if (!this.#isOurs(event)) return;
    if (event.key === " ") {
      event.preventDefault();
      if (!event.repeat) this.#spaceDown(event);
      return;
    }
    if (this.#command(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  #spaceDown(event) {
    this.isSpaceOurs = true;
    this.isShiftSpace = event.shiftKey;
    this.actions.spaceDown();
  }

  #up(event) {
    if (event.key !== " " || !this.isSpaceOurs) return;
    event.preventDefault(); // else a focused button of the page would be pressed
    this.isSpaceOurs = false;
    this.actions.spaceUp(this.isShiftSpace);
  }

  #letGo() {
    if (!this.isSpaceOurs) return;
    this.isSpaceOurs = false;
    this.actions.spaceLost();
  }

  /** Whether the key meant something. */
  #command(event) {
    const { key, shiftKey: shift } = event;
    const control = event.ctrlKey || event.metaKey;
    if (key in ARROWS && !event.altKey) return this.#arrow(ARROWS[key], shift, control);
    if (control) return this.#withControl(key.toLowerCase(), shift);
    if (event.altKey) return false;
    // Tab stays the way out of the canvas when there is nothing to walk through.
    if (key === "Tab") return this.actions.hasItems() && this.#run("cycle", shift ? -1 : 1);
    if (/^Digit\d$/.test(event.code) && /^\d$/.test(key)) return this.#run("chooseDigit", Number(key));
    if (/^Numpad\d$/.test(event.code) && /^\d$/.test(key)) return this.#run("chooseDigit", Number(key));
    const named = {
      Delete: this.actions.remove, Backspace: this.actions.remove,
      Escape: this.actions.escape, Enter: this.actions.done,
      "+": this.actions.zoomIn, "=": this.actions.zoomIn, "-": this.actions.zoomOut,
      "/": this.actions.search, "?": this.actions.toggleHelp,
      x: this.actions.reject, n: this.actions.none, s: this.actions.skip, d: this.actions.next,
      a: this.actions.previous, h: this.actions.toggleProposals, f: this.actions.fit, o: this.actions.actualSize,
      g: this.actions.search, PageDown: this.actions.next, PageUp: this.actions.previous,
    };
    const command = named[key.length === 1 ? key.toLowerCase() : key];
    if (!command) return false;
    command();
    return true;
  }

  #withControl(key, shift) {
    if (key === "z") return this.#run(shift ? "redo" : "undo");
    if (key === "y") return this.#run("redo");
    return false;
  }

  #arrow([dx, dy], shift, control) {
    const size = shift ? 10 : 1;
    if (this.actions.hasSelection()) {
      if (control) this.actions.grow(dx * size, dy * size);
      else this.actions.nudge(dx * size, dy * size);
      return true;
    }
    if (dx === 0 || control || shift) return false;
    return this.#run(dx > 0 ? "next" : "previous");
  }

  #run(name, ...args) {
    this.actions[name](...args);
    return true;
  }
}
