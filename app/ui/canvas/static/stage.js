// The picture, the boxes over it and the crosshair. Knows how to draw, not what the person may do.

import { h, oncePerFrame } from "./dom.js";
import { KeyboardPen } from "./pen.js";
import { BoxLayer } from "./render.js";
import { PointerTool } from "./tools.js";
import { View } from "./view.js";

export class Stage {
  constructor(session) {
    this.session = session;
    this.view = new View();
    this.picture = h("div", { class: "sdpt-picture" });
    this.canvas = h("canvas", { class: "sdpt-layer", "aria-hidden": "true" });
    this.lines = [h("div", { class: "sdpt-line is-x" }), h("div", { class: "sdpt-line is-y" })];
    this.message = h("div", { class: "sdpt-message", hidden: true });
    this.element = h(
      "div",
      { class: "sdpt-stage", tabindex: 0, role: "application", "aria-label": "Image with boxes",
        "data-testid": "canvas-stage" },
      this.picture, this.canvas, ...this.lines, this.message,
    );
    this.layer = new BoxLayer(this.canvas, this.view);
    this.redraw = oncePerFrame(() => this.#draw());
    this.tool = new PointerTool({
      session, view: this.view, stage: this.element, redraw: this.redraw,
      crosshair: { move: (point) => this.#cross(point), hide: () => this.#showCross(false) },
    });
    this.pen = new KeyboardPen({
      session, view: this.view, tool: this.tool, onChange: () => this.#followPen(),
    });
    for (const name of ["boxes", "hover"]) session.addEventListener(name, this.redraw);
    session.addEventListener("image", () => this.#show());
    session.addEventListener("reveal", () => this.#reveal());
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(this.element);
  }

  get isVisible() {
    return this.element.clientWidth > 0 && this.element.isConnected;
  }

  get hasFocus() {
    return document.activeElement === this.element;
  }

  focus() {
    this.element.focus({ preventScroll: true });
  }

  /** A sentence in place of the image, or null. */
  tell(text) {
    this.message.hidden = !text;
    this.message.textContent = text ?? "";
  }

  zoom(factor) {
    this.view.zoomAt(this.view.stage.width / 2, this.view.stage.height / 2, factor);
    this.redraw();
  }

  fit() {
    this.view.fit();
    this.redraw();
  }

  actualSize() {
    this.view.actualSize();
    this.redraw();
  }

  /** dx, dy: -1, 0 or 1; a tenth of the stage at a time. */
  pan(dx, dy) {
    this.view.pan((-dx * this.view.stage.width) / 10, (-dy * this.view.stage.height) / 10);
    this.redraw();
  }

  #followPen() {
    if (this.pen.isOut) {
      const { x, y } = this.view.toScreen(this.pen.point.x, this.pen.point.y);
      this.#cross({ sx: x, sy: y });
    } else this.#showCross(false);
    this.redraw();
  }

  #resize() {
    const { clientWidth: w, clientHeight: hgt } = this.element;
    if (!w || !hgt) return;
    this.layer.resize(w, hgt);
    this.view.setStage(w, hgt);
    this.redraw();
  }

  async #show() {
    const image = this.session.state?.image;
    this.tool.cancel();
    this.picture.replaceChildren();
    if (!image) {
      this.redraw();
      return;
    }
    this.tell(null);
    this.view.setImage(image.width, image.height);
    this.redraw();
    try {
      const element = await this.session.loader.picture(image);
      if (this.session.imageId !== image.id) return;
      element.alt = image.relative_path;
      element.style.width = `${image.width}px`;
      element.style.height = `${image.height}px`;
      this.picture.replaceChildren(element);
    } catch {
      if (this.session.imageId === image.id) {
        this.tell(`'${image.relative_path}' cannot be shown: the file is gone or broken. Its boxes are kept.`);
      }
    }
  }

  #reveal() {
    const item = this.session.selected;
    if (item) this.view.reveal(item.box);
    this.redraw();
  }

  #draw() {
    const { view, session } = this;
    const { scale, x, y } = view;
    this.picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.picture.classList.toggle("is-close", scale >= 3);
    Object.assign(this.element.dataset, {
      scale, left: x, top: y, imageId: session.imageId ?? "", numBoxes: session.state?.boxes.size ?? 0,
    });
    const items = session.items().map((item) => this.#drawable(item));
    items.sort((a, b) => Number(a.isSelected) - Number(b.isSelected));
    const waiting = this.tool.pointing.waitingHere;
    const draft = this.tool.draft ?? this.pen.draft ?? (waiting.length ? { points: waiting } : null);
    const { color } = session.category(session.currentClass);
    this.element.dataset.numWaiting = waiting.length;
    this.layer.draw(items, draft ? { ...draft, color } : null);
  }

  #drawable(item) {
    const { selection, hovered, preview } = this.session;
    const { color, name, ring } = this.session.category(item.category_id);
    return {
      box: preview?.key === item.key ? preview.box : item.box,
      label: item.isProposal ? `${name} ${item.score.toFixed(2)}` : name,
      short: item.isProposal ? item.score.toFixed(2) : null,
      isProposal: item.isProposal, isSelected: item.key === selection, isHovered: item.key === hovered, color, ring,
    };
  }

  #cross({ sx, sy }) {
    this.#showCross(Boolean(this.session.state));
    this.lines[0].style.transform = `translateX(${sx}px)`;
    this.lines[1].style.transform = `translateY(${sy}px)`;
  }

  #showCross(isShown) {
    for (const line of this.lines) line.style.display = isShown ? "block" : "none";
  }
}
