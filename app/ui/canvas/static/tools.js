// What the pointer does on the stage. A press decides by where it lands:
//
//   handle or edge of the selected box: resize     inside the selected box: move
//   outline or label of another box: take and move it
//   anywhere else: a drag draws a new box, a click selects what lies there (again: the next one below)
//   space + drag, middle or right button: pan      Shift + drag: draw, whatever lies there
//   Ctrl or Cmd + click: the edge of the selected box that is meant comes here
//   with four points (extreme clicking): each click is an outermost point of the object, the fourth makes the box
//   pointing: a click on an object makes its box (in the middle of a box it selects that one); a drag still draws
//
// Near the border of the image boxes snap to it; Alt keeps them off.

import { bringEdge, changeBox, draw } from "./editing.js";
import {
  area, around, clipped, contains, cursorOf, docked, fromCorners, handleAt, isOnOutline, moved, resized, snapped,
} from "./geometry.js";
import { isOnMiddle, Pointing } from "./pointing.js";

/** What a click does: nothing but select, add an outermost point, or have the box found. */
export const WAYS = ["drag", "points", "pointing"];

const NUM_POINTS = 4;
const SNAP_PX = 6;
const CLICK_PX = 4;
const EDGE_REACH_PX = 7;
const OUTLINE_REACH_PX = 4;

export class PointerTool {
  /** session: see session.js; stage: element; crosshair: {move, hide}. */
  constructor({ session, view, stage, crosshair, redraw }) {
    Object.assign(this, { session, view, stage, crosshair, redraw });
    this.drag = null;
    this.points = []; // clicked so far, with four points
    this.way = "drag";
    this.pointing = new Pointing({ session, view, onChange: () => redraw() });
    this.isSpaceDown = false;
    this.didPanWithSpace = false;
    stage.addEventListener("pointerdown", (e) => this.#down(e));
    stage.addEventListener("pointermove", (e) => this.#move(e));
    stage.addEventListener("pointerup", (e) => this.#up(e));
    stage.addEventListener("pointercancel", () => this.cancel());
    stage.addEventListener("pointerleave", () => {
      this.crosshair.hide();
      session.pointer = null;
    });
    stage.addEventListener("contextmenu", (e) => e.preventDefault());
    stage.addEventListener("wheel", (e) => this.#wheel(e), { passive: false });
  }

  get isBusy() {
    return this.drag !== null;
  }

  /** What is being drawn, {box?, points?}, or null. */
  get draft() {
    if (this.drag?.kind === "draw" && this.drag.box) return { box: this.drag.box };
    if (this.points.length) return { box: around(this.points), points: this.points };
    return null;
  }

  /** way: one of WAYS. */
  setWay(way) {
    this.way = way;
    this.points = [];
    if (way === "pointing") this.pointing.warmUp();
    this.redraw();
  }

  cancel() {
    if (!this.drag && !this.points.length) return false;
    this.drag = null;
    this.points = [];
    this.session.preview = null;
    this.redraw();
    return true;
  }

  setSpace(isDown) {
    this.isSpaceDown = isDown;
    if (isDown) this.didPanWithSpace = false;
    this.#setCursor(isDown ? "grab" : "");
  }

  #point(event) {
    const bounds = this.stage.getBoundingClientRect();
    const sx = event.clientX - bounds.left;
    const sy = event.clientY - bounds.top;
    return { sx, sy, ...this.view.toImage(sx, sy) };
  }

  #down(event) {
    if (!this.session.state || this.drag) return;
    this.stage.focus({ preventScroll: true });
    event.preventDefault();
    const point = this.#point(event);
    this.stage.setPointerCapture(event.pointerId);
    if (event.button !== 0 || this.isSpaceDown) this.drag = { kind: "pan", last: point };
    else {
      const edgeOf = event.ctrlKey || event.metaKey ? this.session.selected?.key : undefined;
      this.drag = { ...this.#intent(point, event.shiftKey), from: point, edgeOf };
    }
    if (this.drag.kind === "pan") this.#setCursor("grabbing");
  }

  /** {kind: "resize"|"move"|"draw", item?, handle?} */
  #intent(point, isForcedDraw) {
    if (isForcedDraw || this.way === "points") return { kind: "draw" };
    const selected = this.session.selected;
    if (selected) {
      const handle = handleAt(selected.box, point, EDGE_REACH_PX / this.view.scale);
      if (handle) return { kind: "resize", item: selected, handle };
      if (contains(selected.box, point)) return { kind: "move", item: selected };
    }
    const touched = this.#outlineAt(point);
    return touched ? { kind: "move", item: touched } : { kind: "draw" };
  }

  /** Whether a click at this point of the image is on an object, and to have its box found. */
  #isPointing({ x, y }) {
    const { image } = this.view;
    return this.way === "pointing" && x >= 0 && y >= 0 && x <= image.width && y <= image.height;
  }

  /** Who clicks on the middle of a box means that one, else an object that has none yet. */
  #pointAt(point) {
    const meant = this.session.at(point).find((item) => isOnMiddle(item.box, point));
    if (meant) this.session.select(meant.key);
    else this.pointing.at(point);
  }

  #outlineAt(point) {
    const reach = OUTLINE_REACH_PX / this.view.scale;
    const near = this.session.items().filter((item) => isOnOutline(item.box, point, reach));
    return near.sort((a, b) => area(a.box) - area(b.box))[0] ?? null;
  }

  #move(event) {
    if (!this.session.state) return;
    const point = this.#point(event);
    this.crosshair.move(point);
    this.session.pointer = point;
    this.session.isPointerFresh = true;
    if (!this.drag) {
      this.#hover(point, event.shiftKey);
      return;
    }
    if (this.drag.kind === "pan") {
      this.view.pan(point.sx - this.drag.last.sx, point.sy - this.drag.last.sy);
      this.drag.last = point;
      this.didPanWithSpace = true;
      this.redraw({ isViewChanged: true });
      return;
    }
    const { from } = this.drag;
    this.drag.isMoving ||= Math.hypot(point.sx - from.sx, point.sy - from.sy) >= CLICK_PX;
    if (this.drag.isMoving) this.#follow(point, event.altKey);
  }

  #follow(point, isFree) {
    const { kind, item, from } = this.drag;
    const reach = isFree ? 0 : SNAP_PX / this.view.scale;
    if (kind === "draw") this.drag.box = snapped(clipped(fromCorners(from, point), this.view.image), this.view.image, reach);
    else {
      this.session.preview = { key: item.key, box: this.#dragged(point, reach) };
      if (this.session.selection !== item.key) this.session.select(item.key);
    }
    this.redraw();
  }

  #dragged(point, reach) {
    const { kind, item, handle, from } = this.drag;
    const size = this.view.image;
    const [dx, dy] = [point.x - from.x, point.y - from.y];
    if (kind === "move") return docked(moved(item.box, dx, dy, size), size, reach);
    return snapped(resized(item.box, handle, dx, dy, size), size, reach, handle);
  }

  #hover(point, isForcedDraw) {
    const intent = this.#intent(point, isForcedDraw);
    const under = intent.item ?? this.session.at(point)[0] ?? null;
    this.session.hover(under?.key ?? null);
    if (this.isSpaceDown) return;
    this.#setCursor(intent.kind === "resize" ? cursorOf(intent.handle) : intent.kind === "move" ? "move" : "");
  }

  #up(event) {
    const drag = this.drag;
    if (!drag) return;
    const preview = this.session.preview;
    this.drag = null;
    this.session.preview = null;
    this.#setCursor(this.isSpaceDown ? "grab" : "");
    if (drag.kind === "pan") return;
    if (!drag.isMoving && drag.edgeOf) bringEdge(this.session, drag.from, drag.edgeOf);
    else if (!drag.isMoving && this.way === "points" && !event.shiftKey) this.#addPoint(this.#point(event), event.altKey);
    else if (!drag.isMoving && drag.kind !== "resize" && this.#isPointing(drag.from)) this.#pointAt(drag.from);
    else if (!drag.isMoving) this.#click(this.#point(event), drag);
    else if (drag.kind === "draw") {
      this.points = [];
      if (drag.box) draw(this.session, drag.box);
    } else if (preview) changeBox(this.session, drag.item.key, preview.box);
    this.redraw();
  }

  /** The fourth outermost point makes the box, in whatever order they came. */
  #addPoint(point, isFree) {
    const size = this.view.image;
    const [x, y] = clipped([point.x, point.y, point.x, point.y], size);
    this.points.push({ x, y });
    if (this.points.length < NUM_POINTS) return;
    const box = snapped(around(this.points), size, isFree ? 0 : SNAP_PX / this.view.scale);
    this.points = [];
    draw(this.session, box);
  }

  /** Select the smallest box under the pointer; another click on the same spot goes on to the next. */
  #click(point, drag) {
    const under = this.session.at(point);
    if (drag.item && !under.some((item) => item.key === drag.item.key)) under.unshift(drag.item);
    const now = under.findIndex((item) => item.key === this.session.selection);
    this.session.select(under[(now + 1) % Math.max(under.length, 1)]?.key ?? null);
  }

  #wheel(event) {
    if (!this.session.state) return;
    event.preventDefault();
    const { sx, sy } = this.#point(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    const strength = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a trackpad sends small steps with ctrl
    this.view.zoomAt(sx, sy, Math.exp(-event.deltaY * lines * strength));
    this.redraw({ isViewChanged: true });
  }

  #setCursor(name) {
    this.stage.style.cursor = name || "crosshair";
  }
}
