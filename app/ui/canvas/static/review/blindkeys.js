// The blind audit without a mouse: the same keys as on the canvas.

import { fromCorners, moved, resized } from "../geometry.js";
import { chordOf } from "../keymap.js";
import { keymap } from "../page.js";
import { FAST_PX, STEP_PX } from "../pen.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOM = 1.4;

/** Draws, moves and resizes on a BlindStage. */
export class BlindKeys {
  constructor(stage) {
    this.stage = stage;
  }

  /** What the keys do now. */
  get hint() {
    const { pen } = this.stage;
    if (pen?.corner) return "Now the opposite corner: arrows, then Enter. Esc ends.";
    if (pen) return "Arrows move the point (Shift: far, Ctrl: 1 pixel), Enter sets a corner, Esc ends.";
    const [key] = keymap.keysOf("pen");
    return `Drag${key ? ` or ${key}` : ""}: box · Tab: next box · arrows: move · Ctrl or Alt arrows: resize · Del: remove · wheel: zoom`;
  }

  /** Whether the key meant something. */
  press(event) {
    if (this.stage.overlay) return false;
    const { key } = event;
    if (key in ARROWS) return this.stage.pen ? this.#movePen(ARROWS[key], event) : this.#change(ARROWS[key], event);
    if (this.stage.pen && ["Enter", " "].includes(key)) return this.#corner();
    if (this.stage.pen && key === "Escape") return this.#put(null);
    if (key === "Tab") return this.#cycle(event);
    return this.#command(keymap.commandOf(chordOf(event)));
  }

  #command(command) {
    const { stage } = this;
    const commands = {
      pen: () => this.#put(stage.pen ? null : { ...stage.middle, corner: null }),
      remove: () => stage.remove(),
      undo: () => stage.removeLast(),
      zoomIn: () => stage.zoom(stage.pen ?? stage.middle, 1 / ZOOM),
      zoomOut: () => stage.zoom(stage.pen ?? stage.middle, ZOOM),
      fit: () => stage.fit(),
    };
    if (!Object.hasOwn(commands, command)) return false;
    commands[command]();
    return true;
  }

  #put(pen) {
    this.stage.setPen(pen);
    return true;
  }

  #movePen([dx, dy], { shiftKey, ctrlKey, metaKey }) {
    const { pen, scale } = this.stage;
    const by = ctrlKey || metaKey ? 1 : (shiftKey ? FAST_PX : STEP_PX) / scale;
    return this.#put({ ...pen, x: pen.x + dx * by, y: pen.y + dy * by });
  }

  /** The first corner, or the second, which makes the box. */
  #corner() {
    const { pen } = this.stage;
    if (!pen.corner) return this.#put({ ...pen, corner: { x: pen.x, y: pen.y } });
    if (this.stage.add(fromCorners(pen.corner, pen))) this.#put(null);
    return true;
  }

  #change([dx, dy], { shiftKey, ctrlKey, metaKey, altKey }) {
    const { box } = this.stage.boxes[this.stage.selected] ?? {};
    if (!box) return false;
    const by = shiftKey ? 10 : 1;
    const size = this.stage.image;
    const handle = ctrlKey || metaKey ? "se" : altKey ? "nw" : null;
    this.stage.reshape(handle ? resized(box, handle, dx * by, dy * by, size) : moved(box, dx * by, dy * by, size));
    return true;
  }

  /** From box to box; with none drawn, and on a button, Tab goes where it goes everywhere. */
  #cycle({ target, shiftKey }) {
    const number = this.stage.boxes.length;
    if (!number || target !== this.stage.root) return false;
    const { selected } = this.stage;
    const from = selected < 0 && shiftKey ? 0 : selected;
    this.stage.select((from + (shiftKey ? -1 : 1) + number) % number);
    return true;
  }
}
