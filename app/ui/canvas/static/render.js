// Draws the boxes over the image: one canvas in device pixels, redrawn at most once per frame.

import { handles, height, width } from "./geometry.js";
import { inkOn } from "./dom.js";

const FONT = "600 11px system-ui, sans-serif";
const LABEL_HEIGHT = 16;
const DASH = [6, 4];
const HANDLE_PX = 8;
const GRID_FROM_SCALE = 12;

export class BoxLayer {
  constructor(canvas, view) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.view = view;
    this.textWidths = new Map();
  }

  resize(cssWidth, cssHeight) {
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(cssWidth * this.ratio);
    this.canvas.height = Math.round(cssHeight * this.ratio);
  }

  /** items: [{box, color, ring, label, short?, isProposal, isSelected, isHovered}], the topmost last; draft: {box?, points?, color}. */
  draw(items, draft) {
    const c = this.context;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.view.scale >= GRID_FROM_SCALE) this.#grid(c);
    c.font = FONT;
    c.textBaseline = "middle";
    const shown = items.map((item) => ({ ...item, at: this.#onScreen(item.box) })).filter((i) => this.#isInSight(i.at));
    for (const item of shown) this.#outline(c, item);
    for (const item of shown) this.#label(c, item);
    const selected = shown.find((item) => item.isSelected);
    if (selected) this.#handles(c, selected);
    if (draft) this.#draft(c, draft);
  }

  #onScreen(box) {
    const { x, y } = this.view.toScreen(box[0], box[1]);
    return { x, y, w: width(box) * this.view.scale, h: height(box) * this.view.scale };
  }

  #isInSight({ x, y, w, h }) {
    const { width: sw, height: sh } = this.view.stage;
    return x + w >= -20 && y + h >= -20 && x <= sw + 20 && y <= sh + 20;
  }

  #outline(c, { at, color, ring, isProposal, isSelected, isHovered }) {
    const line = isSelected ? 2.5 : isHovered ? 2.25 : 1.75;
    c.globalAlpha = isSelected ? 0.2 : isHovered ? 0.14 : isProposal ? 0.03 : 0.07;
    c.fillStyle = color;
    c.fillRect(at.x, at.y, at.w, at.h);
    c.globalAlpha = 1;
    c.setLineDash([]);
    // A thin dark line below keeps light colours visible on light images.
    c.strokeStyle = "rgba(0,0,0,.55)";
    c.lineWidth = line + 1.25;
    if (isProposal) c.setLineDash(DASH);
    c.strokeRect(at.x, at.y, at.w, at.h);
    c.strokeStyle = color;
    c.lineWidth = line;
    c.strokeRect(at.x, at.y, at.w, at.h);
    c.setLineDash([]);
    for (let r = 1; r <= (ring ?? 0); r += 1) this.#innerFrame(c, at, 4 * r);
  }

  /** Tells a class from another one of the same colour: a second or third frame inside. */
  #innerFrame(c, { x, y, w, h }, inset) {
    if (w < 4 * inset || h < 4 * inset) return;
    c.lineWidth = 1.25;
    c.strokeRect(x + inset, y + inset, w - 2 * inset, h - 2 * inset);
  }

  #label(c, { at, color, label, short, isSelected, isHovered, isProposal }) {
    const isLoud = isSelected || isHovered;
    if (!isLoud && (at.w < 26 || at.h < 18)) return;
    const text = isLoud ? label : this.#shortened(c, label, short, Math.max(at.w, 40));
    if (!text) return;
    const w = this.#widthOf(c, text) + 8;
    const y = at.y >= LABEL_HEIGHT ? at.y - LABEL_HEIGHT : at.y;
    c.globalAlpha = isLoud ? 1 : isProposal ? 0.78 : 0.9;
    c.fillStyle = color;
    c.fillRect(at.x - 1, y, w, LABEL_HEIGHT);
    c.fillStyle = inkOn(color);
    c.fillText(text, at.x + 3, y + LABEL_HEIGHT / 2 + 0.5);
    c.globalAlpha = 1;
  }

  /** The label; a proposal's score alone when its name does not fit; else a part of the name, or nothing. */
  #shortened(c, label, short, room) {
    if (this.#widthOf(c, label) + 8 <= room) return label;
    if (short) return short;
    const cut = label.slice(0, Math.max(Math.floor(room / 7) - 1, 0));
    return cut.length > 1 ? `${cut}…` : "";
  }

  #widthOf(c, text) {
    if (!this.textWidths.has(text)) {
      if (this.textWidths.size > 5000) this.textWidths.clear();
      this.textWidths.set(text, c.measureText(text).width);
    }
    return this.textWidths.get(text);
  }

  #handles(c, { box, color, at }) {
    const isSmall = at.w < 24 || at.h < 24;
    for (const [name, ix, iy] of handles(box)) {
      if (isSmall && name.length === 1) continue;
      const { x, y } = this.view.toScreen(ix, iy);
      c.fillStyle = "#ffffff";
      c.strokeStyle = color;
      c.lineWidth = 2;
      c.beginPath();
      c.roundRect(x - HANDLE_PX / 2, y - HANDLE_PX / 2, HANDLE_PX, HANDLE_PX, 2);
      c.fill();
      c.stroke();
    }
  }

  #draft(c, { box, points = [], color }) {
    for (const point of points) this.#point(c, point, color);
    if (!box) return;
    const at = this.#onScreen(box);
    this.#outline(c, { at, color, isProposal: false, isSelected: true });
    const text = `${width(box).toFixed(1)} × ${height(box).toFixed(1)}`;
    c.fillStyle = "rgba(0,0,0,.72)";
    c.fillRect(at.x, at.y + at.h + 4, this.#widthOf(c, text) + 10, 18);
    c.fillStyle = "#ffffff";
    c.fillText(text, at.x + 5, at.y + at.h + 13.5);
  }

  #point(c, point, color) {
    const { x, y } = this.view.toScreen(point.x, point.y);
    c.fillStyle = "#ffffff";
    c.strokeStyle = color;
    c.lineWidth = 2;
    c.beginPath();
    c.arc(x, y, 4, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
  }

  /** The borders of the image's pixels, when they are large enough to be met. */
  #grid(c) {
    const { stage, image, scale } = this.view;
    const from = this.view.toImage(0, 0);
    const to = this.view.toImage(stage.width, stage.height);
    const [x1, x2] = [Math.max(Math.floor(from.x), 0), Math.min(Math.ceil(to.x), image.width)];
    const [y1, y2] = [Math.max(Math.floor(from.y), 0), Math.min(Math.ceil(to.y), image.height)];
    const [a, b] = [this.view.toScreen(x1, y1), this.view.toScreen(x2, y2)];
    c.strokeStyle = "rgba(128,128,128,.35)";
    c.lineWidth = 1;
    c.beginPath();
    for (let x = a.x; x <= b.x + 0.5; x += scale) c.rect(x, a.y, 0, b.y - a.y);
    for (let y = a.y; y <= b.y + 0.5; y += scale) c.rect(a.x, y, b.x - a.x, 0);
    c.stroke();
  }
}
