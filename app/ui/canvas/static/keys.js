// The keyboard. Keys are heard on the window, because a click on a button elsewhere takes the focus away from
// the canvas; they are ignored while the canvas is hidden or somebody types.

import { isDialogOpen, takesLetters } from "./dom.js";
import { chordOf } from "./keymap.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keyboard {
  /** actions: {isVisible, isFocusOnControl..., and one function per command of keymap.js}; see actions.js. */
  constructor(keymap, actions, pen) {
    Object.assign(this, { keymap, actions, pen });
    this.spaceChord = null; // while the space bar is down and ours
    const options = { capture: true };
    const handlers = { keydown: (e) => this.#down(e), keyup: (e) => this.#up(e), blur: () => this.#letGo() };
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler, options);
  }

  #isOurs(event) {
    if (event.defaultPrevented || event.isComposing || !this.actions.isVisible()) return false;
    if (isDialogOpen()) return false;
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return true;
    if (takesLetters(target)) return false;
    // A slider or a checkbox keeps the arrows, Space and the like.
    if (target.matches("input") && !/^[\p{L}?]$/u.test(event.key)) return false;
    // A control that was reached with the keyboard keeps the keys that work it.
    const isOnControl =
      target.matches("button, a[href], summary, [role=tab], [role=button]") && target.matches(":focus-visible");
    return !(isOnControl && ["Enter", " ", "Tab"].includes(event.key));
  }

  #down(event) {
    if (!this.#isOurs(event)) return;
    const isMeant = this.pen.isOut ? this.#withPen(event) : this.#command(event);
    if (!isMeant) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #up(event) {
    if (event.key !== " " || this.spaceChord === null) return;
    event.preventDefault(); // else a focused button of the page would be pressed
    const command = this.keymap.commandOf(this.spaceChord);
    this.spaceChord = null;
    if (!this.actions.endPanning() && command) this.actions[command]();
  }

  #letGo() {
    if (this.spaceChord === null) return;
    this.spaceChord = null;
    this.actions.endPanning();
  }

  /** Whether the key meant something while a box is drawn with the keyboard. */
  #withPen(event) {
    const { key } = event;
    if (key in ARROWS) {
      const [dx, dy] = ARROWS[key];
      this.pen.move(dx, dy, { isFast: event.shiftKey, isFine: event.ctrlKey || event.metaKey });
    } else if (key === "Enter" || key === " ") this.pen.press();
    else if (key === "Escape") this.pen.putAway();
    else return this.#command(event);
    return true;
  }

  /** Whether the key meant something. */
  #command(event) {
    const { key, shiftKey, altKey } = event;
    const control = event.ctrlKey || event.metaKey;
    if (key in ARROWS) return this.#arrow(ARROWS[key], { isFar: shiftKey, control, altKey });
    const chord = chordOf(event);
    if (chord === null) return false;
    // Tab stays the way out of the canvas when there is nothing to walk through.
    if (key === "Tab" && !control && !altKey) return this.actions.hasItems() && this.#run("cycle", shiftKey ? -1 : 1);
    if (key === "Escape") return this.#run("escape");
    if (/^(Digit|Numpad)\d$/.test(event.code) && /^\d$/.test(key) && !control && !altKey) {
      return this.#run("chooseDigit", Number(key));
    }
    if (chord === "Space" || chord === "Shift+Space") {
      if (!event.repeat) this.actions.startPanning(); // accepted when it is let go, unless it was used to pan
      this.spaceChord ??= chord;
      return true;
    }
    const command = this.keymap.commandOf(chord);
    return command !== null && this.#run(command, { isByKey: true });
  }

  #arrow([dx, dy], { isFar, control, altKey }) {
    const by = isFar ? 10 : 1;
    if (this.actions.hasSelection()) {
      if (control) this.actions.pull("se", dx * by, dy * by);
      else if (altKey) this.actions.pull("nw", dx * by, dy * by);
      else this.actions.nudge(dx * by, dy * by);
      return true;
    }
    if (control || altKey) return false;
    if (isFar) return this.#run("pan", dx, dy);
    return dx !== 0 && this.#run(dx > 0 ? "next" : "previous");
  }

  #run(name, ...args) {
    this.actions[name](...args);
    return true;
  }
}
