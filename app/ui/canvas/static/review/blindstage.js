// A bare image to draw boxes on, in an SVG whose units are the image's pixels. No undo history, no server: the boxes
// live here until they are sent.

import { clipped, fromCorners, isLargeEnough } from "../geometry.js";
import { h } from "../dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const REACH_PX = 5; // a shorter drag is a click

export class BlindStage {
  constructor({ onChange }) {
    this.onChange = onChange;
    this.boxes = []; // {box, category_id}
    this.selected = -1;
    this.category = null;
    this.colors = new Map();
    this.root = make("svg", { class: "sdpt-blind", "data-testid": "audit-stage", tabindex: 0, role: "img" });
    this.element = h("div", { class: "sdpt-blind-frame" }, this.root);
    this.root.addEventListener("pointerdown", (event) => this.#down(event));
    this.root.addEventListener("wheel", (event) => this.#zoom(event), { passive: false });
    this.root.addEventListener("dblclick", () => this.#look([0, 0, ...this.size]));
  }

  /** Show an image. `overlay`: boxes to compare, {box, color, isDashed, title}; with it nothing can be drawn. */
  show(image, url, { overlay = null } = {}) {
    this.size = [image.width, image.height];
    this.boxes = [];
    this.selected = -1;
    this.overlay = overlay;
    this.root.setAttribute("aria-label", image.relative_path);
    this.root.setAttribute("data-width", image.width);
    this.root.setAttribute("data-height", image.height);
    this.#look([0, 0, image.width, image.height]);
    this.picture = make("image", { href: url, width: image.width, height: image.height, preserveAspectRatio: "none" });
    this.draw();
  }

  draw() {
    const drawn = this.overlay
      ? this.overlay.map((o) => rect(o.box, { stroke: o.color, class: o.isDashed ? "is-dashed" : "", "data-mark": o.mark ?? "" }, o.title))
      : this.boxes.map((b, index) => rect(b.box, {
        stroke: this.colors.get(b.category_id) ?? "#fff", class: index === this.selected ? "is-selected" : "",
      }));
    this.root.replaceChildren(this.picture, ...drawn, ...(this.preview ? [rect(this.preview, { stroke: "#fff", class: "is-dashed" })] : []));
    this.root.setAttribute("data-num-boxes", this.boxes.length);
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
    this.root.setPointerCapture(event.pointerId);
    const move = (e) => {
      this.preview = clipped(fromCorners(start, this.#point(e)), { width: this.size[0], height: this.size[1] });
      this.draw();
    };
    const up = (e) => {
      this.root.removeEventListener("pointermove", move);
      this.root.removeEventListener("pointerup", up);
      this.root.removeEventListener("pointercancel", up);
      const box = this.preview;
      this.preview = null;
      const isClick = Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) < REACH_PX;
      if (isClick) this.selected = this.#at(start);
      else if (e.type === "pointerup" && box && isLargeEnough(box) && this.category !== null) {
        this.boxes.push({ box, category_id: this.category });
        this.selected = this.boxes.length - 1;
      }
      this.#changed();
    };
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("pointerup", up);
    this.root.addEventListener("pointercancel", up);
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
    const { x, y } = this.#point(event);
    const factor = Math.exp(Math.sign(event.deltaY) * 0.2);
    const [left, top, width, height] = this.view;
    const wide = Math.min(Math.max(width * factor, 16), this.size[0]);
    const scale = wide / width;
    const clamp = (value, most) => Math.min(Math.max(value, 0), Math.max(most, 0));
    this.#look([
      clamp(x - (x - left) * scale, this.size[0] - wide),
      clamp(y - (y - top) * scale, this.size[1] - height * scale), wide, height * scale,
    ]);
  }

  #look(view) {
    this.view = view;
    this.root.setAttribute("viewBox", view.join(" "));
  }
}

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
