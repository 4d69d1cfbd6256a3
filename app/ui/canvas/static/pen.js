// Drawing without a mouse: a point that the arrows move. Enter sets the first corner, then the second; while
// pointing it has the box found around the point.

import { draw } from "./editing.js";
import { clipped, fromCorners } from "./geometry.js";

export const STEP_PX = 8; // on the screen, so that a far zoom crosses the image as fast as a near one
export const FAST_PX = 48;

export class KeyboardPen {
  /** tool: its way to draw is this one's too (see tools.js); onChange: called after each move. */
  constructor({ session, view, tool, onChange }) {
    Object.assign(this, { session, view, tool, onChange });
    this.point = null; // {x, y} in the image while the pen is out
    this.corner = null; // the first corner, once set
    session.addEventListener("image", () => this.putAway());
  }

  get isOut() {
    return this.point !== null;
  }

  /** What is being drawn, {box?, points}, or null. */
  get draft() {
    if (!this.isOut) return null;
    return { box: this.corner ? fromCorners(this.corner, this.point) : null, points: [this.corner ?? this.point] };
  }

  takeOut() {
    if (!this.session.state) return;
    const { width, height } = this.view.stage;
    const middle = this.session.pointer ?? this.view.toImage(width / 2, height / 2);
    this.corner = null;
    this.#put(middle);
    const enter = this.#isPointing ? "Enter has the box found around it" : "Enter sets a corner";
    this.session.say(`Arrows move the point (Shift: far, Ctrl: 1 pixel), ${enter}, Esc ends.`, "lasting");
  }

  putAway() {
    if (!this.isOut) return false;
    this.point = this.corner = null;
    this.session.say("");
    this.onChange();
    return true;
  }

  /** dx, dy: -1, 0 or 1. */
  move(dx, dy, { isFast, isFine }) {
    const by = isFine ? 1 : (isFast ? FAST_PX : STEP_PX) / this.view.scale;
    this.#put({ x: this.point.x + dx * by, y: this.point.y + dy * by });
  }

  get #isPointing() {
    return this.tool.way === "pointing" && !this.corner;
  }

  /** Point, or set a corner; the second one makes the box. */
  press() {
    if (this.#isPointing) {
      const { point } = this;
      this.putAway();
      this.tool.pointing.at(point);
      return;
    }
    if (!this.corner) {
      this.corner = this.point;
      this.session.say("Now the opposite corner: arrows, then Enter. Esc ends.", "lasting");
      this.onChange();
      return;
    }
    const box = fromCorners(this.corner, this.point);
    if (draw(this.session, box)) this.putAway();
  }

  #put({ x, y }) {
    const [cx, cy] = clipped([x, y, x, y], this.view.image);
    this.point = { x: cx, y: cy };
    this.view.reveal([cx, cy, cx, cy]);
    this.onChange();
  }
}
