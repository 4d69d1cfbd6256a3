// One canvas at work: which image is shown, what lies on it, what is selected, and the one way to change it
// (`perform`). What a person can do with it is in editing.js, judging.js and walking.js.

import { getJson } from "./api.js";
import { Cards, ImageList, Loader } from "./browse.js";
import { area, contains } from "./geometry.js";
import { reduce, stateOf } from "./model.js";
import { Shown } from "./shown.js";

export const REVIEW_FLOOR = 0; // the server shows what its thresholds allow; the slider hides more of it
export const boxKey = (uid) => `b:${uid}`;
const proposalKey = (id) => `p:${id}`;

/**
 * Events: "image" (another one is shown), "boxes" (redraw, lists), "hover", "list", "classes", "reveal" (the
 * selected box is to be brought into sight), "needclass", "finished", "say" {text, level}.
 */
export class Session extends EventTarget {
  constructor({ mode, workspace, queue, history }) {
    super();
    Object.assign(this, { mode, workspace, queue, history });
    this.list = new ImageList();
    this.cards = new Cards();
    this.loader = new Loader();
    this.search = { state: "all", query: "" };
    this.categories = [];
    this.categoryById = new Map();
    this.currentClass = Number(localStorage.getItem(this.#classKey)) || null;
    this.state = null; // see model.js
    this.version = null; // of the server's document; see watch.js
    this.selection = null; // "b:<uid>" or "p:<proposal id>"
    this.hovered = null;
    this.pointer = null; // {x, y} in the image since the pointer moved last; a choice by key forgets it
    this.isPointerFresh = false;
    this.preview = null; // {key, box} while a box is dragged
    this.shown = new Shown(mode === "review" ? REVIEW_FLOOR : 0);
    this.ticket = 0;
    this.headingTo = null; // the image that is being loaded: quick keys count from there
    this.epoch = 0; // counts own changes: an answer that was asked for before one of them is out of date
    this.lastIndex = 0; // where we were, should the shown image leave the list
    this.known = null; // {items}, until something changes
  }

  // ---- loading ----

  async refreshClasses() {
    this.setClasses((await getJson("/sdpt/api/classes")).categories);
  }

  setClasses(categories) {
    this.categories = categories;
    const seen = new Map();
    this.categoryById = new Map(categories.map((category) => {
      const ring = seen.get(category.color) ?? 0; // classes that share a colour differ by their frame
      seen.set(category.color, ring + 1);
      return [category.id, { ...category, ring: Math.min(ring, 2) }];
    }));
    if (!this.categoryById.has(this.currentClass)) this.currentClass = categories[0]?.id ?? null;
    this.emit("classes");
    this.touch();
  }

  /** The class of the next box. It sticks: across images, and when the page is opened again. */
  setCurrentClass(id) {
    this.currentClass = id;
    localStorage.setItem(this.#classKey, String(id));
    this.emit("classes");
  }

  get #classKey() {
    return `sdpt.class.${this.workspace}`;
  }

  /** Ask for the list anew; false when it was asked for once more before the answer came, which will bring its own. */
  async refreshList() {
    this.cards.clear();
    if (!(await this.list.load(this.mode, this.search))) return false;
    this.#noteIndex();
    this.emit("list");
    return true;
  }

  #noteIndex() {
    const index = this.list.indexOf(this.imageId);
    if (index >= 0) this.lastIndex = index;
  }

  /** Show no image: the list is empty, or its end is reached. */
  leave() {
    this.ticket += 1;
    this.headingTo = null;
    this.state = this.version = this.selection = this.hovered = this.preview = null;
    this.emit("image");
    this.touch();
  }

  /** Show an image. Its document and picture may have been loaded ahead; the server is asked again either way. */
  async goTo(id, { isFresh = false } = {}) {
    const ticket = ++this.ticket;
    this.headingTo = id;
    const isAhead = !isFresh && this.loader.documents.has(id);
    let document;
    try {
      document = await this.loader.document(id, { isFresh });
    } catch (error) {
      if (ticket !== this.ticket) return;
      this.headingTo = null;
      this.say(error.message, "bad");
      return;
    }
    if (ticket !== this.ticket) return;
    this.headingTo = null;
    this.#show(document);
    this.#loadAhead(this.list.indexOf(id));
    if (isAhead) this.reload();
  }

  async #loadAhead(index) {
    for (const by of [1, 2, -1]) await this.loader.prefetch(this.list.ids[index + by]);
  }

  /** Ask the server again for the shown image, and take over what it says unless a change is on its way; whether it was. */
  async reload() {
    const id = this.imageId;
    while (id !== null && id === this.imageId) {
      const { epoch } = this;
      try {
        const document = await this.loader.document(id, { isFresh: true });
        if (epoch === this.epoch) {
          this.adopt(document);
          return true;
        }
      } catch (error) {
        if (error.status === 404) this.say(error.message, "bad");
        return false;
      }
      this.loader.forget(id);
      if (this.queue.pendingFor(id).length) return false; // its answer will say the same
      // Another answer came in between: which of the two is the newer one, only a third can tell.
    }
    return false;
  }

  get imageId() {
    return this.state?.image.id ?? null;
  }

  #show(document) {
    const selection = document.image.id === this.imageId ? this.selection : null; // who asks for it again goes on
    this.#take(document);
    this.hovered = this.preview = this.pointer = null;
    this.selection = this.find(selection)?.key ?? null;
    this.cards.update(document);
    this.#noteIndex();
    if (this.mode === "review") this.selection ??= this.proposals()[0]?.key ?? null;
    this.emit("image");
    this.touch();
  }

  #take(document) {
    this.state = stateOf(document, this.queue.pendingFor(document.image.id));
    this.version = document.version;
    this.known = null;
  }

  /** What the server said after a change, or on asking. */
  adopt(document) {
    this.epoch += 1;
    this.loader.keep(document);
    this.cards.update(document);
    this.emit("list");
    if (document.image.id !== this.imageId) return;
    this.#take(document);
    this.touch();
  }

  // ---- looking ----

  /** Shown proposals and boxes, as one kind of thing: {key, isProposal, box, category_id, ...}. */
  items() {
    this.known ??= { items: this.state ? [...this.#proposals(), ...this.#boxes()] : [] };
    return this.known.items;
  }

  #boxes() {
    const all = [...this.state.boxes.values()].map((b) => ({ ...b, key: boxKey(b.uid), isProposal: false }));
    return all.filter((item) => this.shown.allows(item));
  }

  #proposals() {
    const all = [...this.state.proposals.values()].map((p) => ({ ...p, key: proposalKey(p.id), isProposal: true }));
    return all.filter((p) => this.shown.allows(p)).sort((a, b) => Math.abs(a.score - 0.5) - Math.abs(b.score - 0.5));
  }

  boxes() {
    return this.items().filter((item) => !item.isProposal);
  }

  /** Those that are shown, least certain first. */
  proposals() {
    return this.items().filter((item) => item.isProposal);
  }

  /** How many boxes and proposals (above the threshold) are hidden. */
  get numHidden() {
    if (!this.state) return 0;
    const above = [...this.state.proposals.values()].filter((p) => p.score >= this.shown.minScore);
    return this.state.boxes.size + above.length - this.items().length;
  }

  find(key) {
    return key ? this.items().find((item) => item.key === key) ?? null : null;
  }

  get selected() {
    return this.find(this.selection);
  }

  category(id) {
    return this.categoryById.get(id) ?? { id, name: "removed class", color: "#888888", ring: 0 };
  }

  select(key) {
    this.selection = key;
    this.emit("boxes");
  }

  hover(key) {
    if (key === this.hovered) return;
    this.hovered = key;
    this.emit("hover");
  }

  /** What lies under a point of the image, smallest first. */
  at(point) {
    const found = this.items().filter((item) => contains(item.box, point));
    return found.sort((a, b) => area(a.box) - area(b.box));
  }

  /** The next or previous box: those that overlap under the pointer first, then all others. */
  cycle(step) {
    const under = this.pointer ? this.at(this.pointer) : [];
    const first = new Set(under);
    const keys = [...under, ...this.items().filter((item) => !first.has(item))].map((item) => item.key);
    if (!keys.length) return;
    const isFresh = this.isPointerFresh && under.length > 0 && !under.some((item) => item.key === this.selection);
    const at = isFresh ? -1 : keys.indexOf(this.selection);
    this.isPointerFresh = false;
    this.select(keys[at < 0 ? (step > 0 ? 0 : keys.length - 1) : (at + step + keys.length) % keys.length]);
    this.emit("reveal");
  }

  // ---- changing ----

  /** Do a step of model.js: show it, remember it for undo, and queue it for the server. */
  perform(step, { tag = null } = {}) {
    this.run(step.redo);
    this.history.add(this.imageId, step, tag);
    this.touch();
  }

  /** Apply operations and queue them, without a step to undo. */
  run(ops) {
    const sent = ops.map((op) => {
      const full = { ...op, image_id: this.imageId };
      const before = this.state.boxes.get(op.uid);
      if (op.op === "update" || op.op === "delete") full.base_revision = before?.revision ?? null;
      reduce(this.state, full);
      const after = this.state.boxes.get(op.uid);
      if (after) full.mine = { box: after.box, category_id: after.category_id };
      return full;
    });
    this.known = null;
    this.epoch += 1;
    this.loader.forget(this.imageId);
    this.queue.push(sent);
  }

  undo() {
    if (this.state) this.#travel(this.history.undo(this.imageId), "undo", "Nothing to undo on this image.");
  }

  redo() {
    if (this.state) this.#travel(this.history.redo(this.imageId), "redo", "Nothing to redo on this image.");
  }

  #travel(step, direction, nothing) {
    if (!step) {
      this.say(nothing);
      return;
    }
    this.run(step[direction]);
    this.touch();
  }

  // ---- telling ----

  /** Boxes or what is shown of them has changed. */
  touch() {
    this.known = null;
    if (!this.find(this.selection)) this.selection = null;
    this.emit("boxes");
  }

  say(text, level = "info") {
    this.dispatchEvent(new CustomEvent("say", { detail: { text, level } }));
  }

  emit(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** Tell the rest of the page what was changed here. */
export function announce(kinds, imageId) {
  const detail = { source: "canvas", kinds, image_id: imageId };
  window.dispatchEvent(new CustomEvent("sdpt:changed", { detail }));
}
