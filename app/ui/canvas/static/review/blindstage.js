// A bare image to draw boxes on, in an SVG whose units are the image's pixels. No undo history, no server: the boxes
// live here until they are sent. What the keys do stands in blindkeys.js.

import { clipped, contains, cursorOf, fromCorners, handleAt, isLargeEnough, moved, resized } from "../geometry.js";
import { h } from "../dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const REACH_PX = 5; // a shorter drag is a click
const GRIP_PX = 7; // from an edge of the selected box

export class BlindStage {
  constructor({ onChange }) {
    this.onChange = onChange;
    this.boxes = []; // {box, category_id}
    this.selected = -1;
    this.pen = null; // {x, y, corner} while the keyboard draws
    this.category = null;
    this.colors = new Map();
    this.root = make("svg", { class: "sdpt-blind", "data-testid": "audit-stage", tabindex: 0, role: "application" });
    this.element = h("div", { class: "sdpt-blind-frame" }, this.root);
    this.root.addEventListener("pointerdown", (event) => this.#down(event));
    this.root.addEventListener("wheel", (event) => this.#zoom(event), { passive: false });
    this.root.addEventListener("dblclick", () => this.fit());
    this.root.addEventListener("pointermove", (event) => this.#hover(event));
  }

  /** Show an image. `overlay`: boxes to compare, {box, color, isDashed, title}; with it nothing can be drawn. */
  show(image, url, { overlay = null } = {}) {
    this.image = { width: image.width, height: image.height };
    this.boxes = [];
    this.selected = -1;
    this.pen = null;
    this.overlay = overlay;
    this.root.setAttribute("aria-label", image.relative_path);
    this.root.setAttribute("data-width", image.width);
    this.root.setAttribute("data-height", image.height);
    this.fit();
    this.picture = make("image", { href: url, width: image.width, height: image.height, preserveAspectRatio: "none" });
    this.draw();
  }

  draw() {
    const drawn = this.overlay
      ? this.overlay.map((o) => rect(o.box, { stroke: o.color, class: o.isDashed ? "is-dashed" : "", "data-mark": o.mark ?? "" }, o.title))
      : this.boxes.map((b, index) => rect(b.box, {
        stroke: this.colors.get(b.category_id) ?? "#fff", class: index === this.selected ? "is-selected" : "",
      }));
    const { pen } = this;
    const draft = this.preview ?? (pen?.corner ? fromCorners(pen.corner, pen) : null);
    this.root.replaceChildren(this.picture, ...drawn,
      ...(draft ? [rect(draft, { stroke: "#fff", class: "is-dashed" })] : []),
      ...(pen ? [make("path", { d: `M ${pen.x} 0 V ${this.image.height} M 0 ${pen.y} H ${this.image.width}` })] : []));
    this.root.setAttribute("data-num-boxes", this.boxes.length);
  }

  /** Screen pixels of an image pixel. */
  get scale() {
    return this.root.getScreenCTM().a;
  }

  /** Of what is in sight. */
  get middle() {
    const [left, top, width, height] = this.view;
    return { x: left + width / 2, y: top + height / 2 };
  }

  /** The point of the keyboard, kept in the image; null puts it away. */
  setPen(pen) {
    const [x, y] = pen ? clipped([pen.x, pen.y, pen.x, pen.y], this.image) : [];
    this.pen = pen && { ...pen, x, y };
    if (this.pen) this.#reveal(this.pen);
    this.#changed();
  }

  select(index) {
    this.selected = index;
    const [x1, y1, x2, y2] = this.boxes[index].box;
    this.#reveal({ x: (x1 + x2) / 2, y: (y1 + y2) / 2 });
    this.#changed();
  }

  /** Whether it was large enough to become a box. */
  add(box) {
    if (!isLargeEnough(box) || this.category === null) return false;
    this.boxes.push({ box, category_id: this.category });
    this.selected = this.boxes.length - 1;
    this.#changed();
    return true;
  }

  /** Give the selected box another place or size. */
  reshape(box) {
    this.boxes[this.selected].box = box;
    this.#changed();
  }

  remove() {
    if (this.overlay || this.selected < 0) return;
    this.boxes.splice(this.selected, 1);
    this.selected = this.boxes.length - 1;
    this.#changed();
  }

  removeLast() {
    if (this.overlay || !this.boxes.length) return;
    this.boxes.pop();
    this.selected = -1;
    this.#changed();
  }

  #changed() {
    this.draw();
    this.onChange();
  }

  #down(event) {
    if (event.button !== 0 || this.overlay) return;
    const start = this.#point(event);
    const grip = this.#grip(event);
    const before = this.boxes[this.selected]?.box;
    this.setPen(null);
    this.root.setPointerCapture(event.pointerId);
    const isClick = (e) => Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) < REACH_PX;
    const move = (e) => {
      const to = this.#point(e);
      if (!grip) this.preview = clipped(fromCorners(start, to), this.image);
      else if (!isClick(e)) this.boxes[this.selected].box = pulled(before, grip, to.x - start.x, to.y - start.y, this.image);
      this.draw();
    };
    const up = (e) => {
      this.root.removeEventListener("pointermove", move);
      this.root.removeEventListener("pointerup", up);
      this.root.removeEventListener("pointercancel", up);
      const box = this.preview;
      this.preview = null;
      if (grip && (isClick(e) || e.type !== "pointerup")) this.boxes[this.selected].box = before;
      if (isClick(e)) this.selected = this.#at(start);
      else if (e.type === "pointerup" && box) this.add(box);
      this.#changed();
    };
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("pointerup", up);
    this.root.addEventListener("pointercancel", up);
  }

  /** What a drag from here takes of the selected box: an edge or corner by its name, "all" of it, or null: it draws. */
  #grip(event) {
    const { box } = this.boxes[this.selected] ?? {};
    if (!box || event.shiftKey || this.overlay) return null;
    const point = this.#point(event);
    return handleAt(box, point, GRIP_PX / this.scale) ?? (contains(box, point) ? "all" : null);
  }

  #hover(event) {
    const grip = event.buttons ? null : this.#grip(event);
    if (!event.buttons) this.root.style.cursor = grip === "all" ? "move" : grip ? cursorOf(grip) : "";
  }

  /** The smallest box under a point. */
  #at({ x, y }) {
    const area = (b) => (b[2] - b[0]) * (b[3] - b[1]);
    let found = -1;
    this.boxes.forEach(({ box }, index) => {
      const isHit = box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3];
      if (isHit && (found < 0 || area(box) < area(this.boxes[found].box))) found = index;
    });
    return found;
  }

  #point(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.root.getScreenCTM().inverse());
  }

  #zoom(event) {
    event.preventDefault();
    this.zoom(this.#point(event), Math.exp(Math.sign(event.deltaY) * 0.2));
  }

  /** Around a point of the image; a factor below 1 comes nearer. */
  zoom({ x, y }, factor) {
    const [left, top, width, height] = this.view;
    const wide = Math.min(Math.max(width * factor, 16), this.image.width);
    const scale = wide / width;
    this.#lookFrom(x - (x - left) * scale, y - (y - top) * scale, wide, height * scale);
  }

  fit() {
    this.#look([0, 0, this.image.width, this.image.height]);
  }

  #reveal({ x, y }) {
    const [left, top, width, height] = this.view;
    const isInSight = x >= left && x <= left + width && y >= top && y <= top + height;
    if (!isInSight) this.#lookFrom(x - width / 2, y - height / 2, width, height);
  }

  #lookFrom(left, top, width, height) {
    const clamp = (value, most) => Math.min(Math.max(value, 0), Math.max(most, 0));
    this.#look([clamp(left, this.image.width - width), clamp(top, this.image.height - height), width, height]);
  }

  #look(view) {
    this.view = view;
    this.root.setAttribute("viewBox", view.join(" "));
  }
}

const pulled = (box, grip, dx, dy, size) => (grip === "all" ? moved(box, dx, dy, size) : resized(box, grip, dx, dy, size));

function rect([x1, y1, x2, y2], attributes, title) {
  const element = make("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, ...attributes });
  if (title) {
    const words = document.createElementNS(SPACE, "title");
    words.textContent = title;
    element.append(words);
  }
  return element;
}

function make(tag, attributes) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
