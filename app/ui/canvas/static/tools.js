// What the pointer does on the stage. A press decides by where it lands:
//
//   handle or edge of the selected box: resize     inside the selected box: move
//   outline or label of another box: take and move it
//   anywhere else: a drag draws a new box, a click selects what lies there (again: the next one below)
//   space + drag, middle or right button: pan      Shift + drag: draw, whatever lies there

import {
  area, clipped, contains, cursorOf, fromCorners, handleAt, isLargeEnough, isOnOutline, moved, resized,
} from "./geometry.js";

const CLICK_PX = 4;
const EDGE_REACH_PX = 7;
const OUTLINE_REACH_PX = 4;

export class PointerTool {
  /** session: see session.js; stage: element; crosshair: {move, hide}. */
  constructor({ session, view, stage, crosshair, redraw }) {
    Object.assign(this, { session, view, stage, crosshair, redraw });
    this.drag = null;
    this.isSpaceDown = false;
    this.didPanWithSpace = false;
    stage.addEventListener("pointerdown", (e) => this.#down(e));
    stage.addEventListener("pointermove", (e) => this.#move(e));
    stage.addEventListener("pointerup", (e) => this.#up(e));
    stage.addEventListener("pointercancel", () => this.cancel());
    stage.addEventListener("pointerleave", () => this.crosshair.hide());
    stage.addEventListener("contextmenu", (e) => e.preventDefault());
    stage.addEventListener("wheel", (e) => this.#wheel(e), { passive: false });
  }

  get isBusy() {
    return this.drag !== null;
  }

  /** What is being drawn, or null. */
  get draft() {
    return this.drag?.kind === "draw" && this.drag.box ? this.drag.box : null;
  }

  cancel() {
    if (!this.drag) return false;
    this.drag = null;
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
    else this.drag = { ...this.#intent(point, event.shiftKey), from: point };
    if (this.drag.kind === "pan") this.#setCursor("grabbing");
  }

  /** {kind: "resize"|"move"|"draw", item?, handle?} */
  #intent(point, isForcedDraw) {
    if (isForcedDraw) return { kind: "draw" };
    const selected = this.session.selected;
    if (selected) {
      const handle = handleAt(selected.box, point, EDGE_REACH_PX / this.view.scale);
      if (handle) return { kind: "resize", item: selected, handle };
      if (contains(selected.box, point)) return { kind: "move", item: selected };
    }
    const touched = this.#outlineAt(point);
    return touched ? { kind: "move", item: touched } : { kind: "draw" };
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
    if (this.drag.isMoving) this.#follow(point);
  }

  #follow(point) {
    const { kind, item, handle, from } = this.drag;
    const size = this.view.image;
    const [dx, dy] = [point.x - from.x, point.y - from.y];
    if (kind === "draw") this.drag.box = clipped(fromCorners(from, point), size);
    else {
      const box = kind === "move" ? moved(item.box, dx, dy, size) : resized(item.box, handle, dx, dy, size);
      this.session.preview = { key: item.key, box };
      if (this.session.selection !== item.key) this.session.select(item.key);
    }
    this.redraw();
  }

  #hover(point, isForcedDraw) {
    const intent = this.#intent(point, isForcedDraw);
    const under = intent.item ?? this.#itemsAt(point)[0] ?? null;
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
    if (!drag.isMoving) this.#click(this.#point(event), drag);
    else if (drag.kind === "draw") {
      if (drag.box && isLargeEnough(drag.box)) this.session.draw(drag.box);
    } else if (preview) this.session.changeBox(drag.item.key, preview.box);
    this.redraw();
  }

  /** Select the smallest box under the pointer; another click on the same spot goes on to the next. */
  #click(point, drag) {
    const under = this.#itemsAt(point);
    if (drag.item && !under.some((item) => item.key === drag.item.key)) under.unshift(drag.item);
    const now = under.findIndex((item) => item.key === this.session.selection);
    this.session.select(under[(now + 1) % Math.max(under.length, 1)]?.key ?? null);
  }

  #itemsAt(point) {
    const found = this.session.items().filter((item) => contains(item.box, point));
    return found.sort((a, b) => area(a.box) - area(b.box));
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
