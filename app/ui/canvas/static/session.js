// One canvas at work: which image is shown, what is selected, and everything a person can do to it.

import { getJson, postJson } from "./api.js";
import { Cards, ImageList, Loader } from "./browse.js";
import { isSame, moved, resized } from "./geometry.js";
import {
  accepting, changing, correcting, creating, deleting, reduce, rejecting, stateOf, together,
} from "./model.js";

export const REVIEW_FLOOR = 0; // the server shows what its thresholds allow; the slider hides more of it
const boxKey = (uid) => `b:${uid}`;
const proposalKey = (id) => `p:${id}`;

/** Events: "image" (another one is shown), "boxes" (redraw, lists), "list", "classes", "say" {text, level}. */
export class Session extends EventTarget {
  constructor({ mode, workspace, queue, history }) {
    super();
    Object.assign(this, { mode, workspace, queue, history });
    this.list = new ImageList();
    this.cards = new Cards();
    this.loader = new Loader();
    this.filter = "all";
    this.query = "";
    this.categories = [];
    this.currentClass = null;
    this.state = null; // see model.js
    this.selection = null; // "b:<uid>" or "p:<proposal id>"
    this.hovered = null;
    this.preview = null; // {key, box} while a box is dragged
    this.minScore = mode === "review" ? REVIEW_FLOOR : 0;
    this.showsProposals = true;
    this.ticket = 0;
    this.epoch = 0; // counts own changes: an answer that was asked for before one of them is out of date
    this.lastIndex = 0; // where we were, should the shown image leave the list
  }

  // ---- loading ----

  async refreshClasses() {
    this.#setClasses((await getJson("/sdpt/api/classes")).categories);
  }

  async refreshList() {
    this.cards.clear();
    await this.list.load(this.mode, this.filter, this.query);
    this.#noteIndex();
    this.#emit("list");
  }

  #noteIndex() {
    const index = this.list.indexOf(this.imageId);
    if (index >= 0) this.lastIndex = index;
  }

  /** Show no image: the list is empty, or its end is reached. */
  leave() {
    this.ticket += 1;
    this.state = this.selection = this.hovered = this.preview = null;
    this.#emit("image");
    this.#emit("boxes");
  }

  /** Show an image. Its document and picture may have been loaded ahead; the server is asked again either way. */
  async goTo(id, { isFresh = false } = {}) {
    const ticket = ++this.ticket;
    const isAhead = !isFresh && this.loader.documents.has(id);
    let document;
    try {
      document = await this.loader.document(id, { isFresh });
    } catch (error) {
      if (ticket === this.ticket) this.say(error.message, "bad");
      return;
    }
    if (ticket !== this.ticket) return;
    this.#show(document);
    const index = this.list.indexOf(id);
    this.loader.prefetch(this.list.ids[index + 1]).then(() => this.loader.prefetch(this.list.ids[index + 2]));
    if (isAhead) this.reload();
  }

  /** Ask the server again for the shown image, and take over what it says unless a change is on its way. */
  async reload() {
    const id = this.imageId;
    if (id === null) return;
    const epoch = this.epoch;
    try {
      const document = await this.loader.document(id, { isFresh: true });
      if (epoch === this.epoch) this.adopt(document);
      else this.loader.forget(id); // what we changed meanwhile brings its own answer
    } catch (error) {
      if (error.status === 404) this.say(error.message, "bad");
    }
  }

  get imageId() {
    return this.state?.image.id ?? null;
  }

  #show(document) {
    this.state = stateOf(document, this.queue.pendingFor(document.image.id));
    this.selection = this.hovered = this.preview = null;
    this.cards.update(document);
    this.#noteIndex();
    if (this.mode === "review") this.selection = this.proposals()[0]?.key ?? null;
    this.#emit("image");
    this.#emit("boxes");
  }

  /** What the server said after a change, or on asking. */
  adopt(document) {
    this.epoch += 1;
    this.loader.keep(document);
    this.cards.update(document);
    this.#emit("list");
    if (document.image.id !== this.imageId) return;
    this.state = stateOf(document, this.queue.pendingFor(document.image.id));
    if (!this.find(this.selection)) this.selection = null;
    this.#emit("boxes");
  }

  // ---- looking ----

  /** Boxes and shown proposals, as one kind of thing: {key, isProposal, box, category_id, ...}. */
  items() {
    if (!this.state) return [];
    return [...(this.showsProposals ? this.proposals() : []), ...this.boxes()];
  }

  boxes() {
    return [...this.state.boxes.values()].map((b) => this.#previewed({ ...b, key: boxKey(b.uid), isProposal: false }));
  }

  /** Those at or above the threshold, least certain first. */
  proposals() {
    return [...this.state.proposals.values()]
      .filter((p) => p.score >= this.minScore)
      .sort((a, b) => Math.abs(a.score - 0.5) - Math.abs(b.score - 0.5))
      .map((p) => this.#previewed({ ...p, key: proposalKey(p.id), isProposal: true }));
  }

  #previewed(item) {
    return this.preview?.key === item.key ? { ...item, box: this.preview.box } : item;
  }

  find(key) {
    return key ? this.items().find((item) => item.key === key) ?? null : null;
  }

  get selected() {
    return this.find(this.selection);
  }

  category(id) {
    return this.categories.find((c) => c.id === id) ?? { id, name: "removed class", color: "#888888" };
  }

  select(key) {
    this.selection = key;
    this.#emit("boxes");
  }

  hover(key) {
    if (key === this.hovered) return;
    this.hovered = key;
    this.#emit("hover");
  }

  cycle(step) {
    const keys = this.items().map((item) => item.key);
    if (!keys.length) return;
    const at = keys.indexOf(this.selection);
    this.select(keys[(at < 0 ? (step > 0 ? 0 : -1) : at + step + keys.length) % keys.length] ?? keys.at(-1));
    this.#emit("reveal");
  }

  // ---- changing ----

  /** Do a step of model.js: show it, remember it for undo, and queue it for the server. */
  perform(step, { tag = null } = {}) {
    this.#run(step.redo);
    this.history.add(this.imageId, step, tag);
    this.#emit("boxes");
  }

  #run(ops) {
    const sent = ops.map((op) => {
      const full = { ...op, image_id: this.imageId };
      if (op.op === "update") full.base_revision = this.state.boxes.get(op.uid)?.revision ?? null;
      reduce(this.state, full);
      return full;
    });
    this.epoch += 1;
    this.loader.forget(this.imageId);
    this.queue.push(sent);
  }

  undo() {
    this.#travel(this.history.undo(this.imageId), "undo", "Nothing to undo on this image.");
  }

  redo() {
    this.#travel(this.history.redo(this.imageId), "redo", "Nothing to redo on this image.");
  }

  #travel(step, direction, nothing) {
    if (!this.state) return;
    if (!step) {
      this.say(nothing);
      return;
    }
    this.#run(step[direction]);
    if (!this.find(this.selection)) this.selection = null;
    this.#emit("boxes");
  }

  draw(box) {
    if (this.currentClass === null) {
      this.say("Name a class first: type it under 'Classes', or add it in Project.", "bad");
      this.#emit("needclass");
      return;
    }
    const step = creating(box, this.currentClass);
    this.perform(step);
    this.select(boxKey(step.redo[0].uid));
  }

  /** A dragged proposal becomes a box of the person who dragged it. */
  changeBox(key, box, { tag = null } = {}) {
    const item = this.find(key);
    if (!item || isSame(box, item.box)) return;
    this.#change(item, { box }, tag);
  }

  #change(item, change, tag = null) {
    if (!item.isProposal) {
      this.perform(changing(item, change), { tag });
      return;
    }
    const step = correcting(item, change);
    this.perform(step);
    this.select(boxKey(step.redo[0].uid));
  }

  nudge(dx, dy) {
    const item = this.selected;
    if (item) this.changeBox(item.key, moved(item.box, dx, dy, this.state.image), { tag: `move ${item.key}` });
  }

  /** Pull the lower right corner. */
  grow(dx, dy) {
    const item = this.selected;
    if (item) this.changeBox(item.key, resized(item.box, "se", dx, dy, this.state.image), { tag: `grow ${item.key}` });
  }

  chooseClass(id) {
    this.currentClass = id;
    const item = this.selected;
    if (item && item.category_id !== id) this.#change(item, { category_id: id });
    this.#emit("classes");
  }

  /** 1 is the first class, 0 the tenth. */
  chooseDigit(digit) {
    const category = this.categories[digit === 0 ? 9 : digit - 1];
    if (category) this.chooseClass(category.id);
    else this.say(`There is no class ${digit}.`);
  }

  async addClass(name) {
    try {
      const { added_id, categories } = await postJson("/sdpt/api/classes", { name }, this.workspace);
      this.#setClasses(categories);
      this.chooseClass(added_id);
      announce(["classes"], null);
      return true;
    } catch (error) {
      this.say(error.message, "bad");
      return false;
    }
  }

  #setClasses(categories) {
    this.categories = categories;
    if (!categories.some((c) => c.id === this.currentClass)) this.currentClass = categories[0]?.id ?? null;
    this.#emit("classes");
    this.#emit("boxes");
  }

  remove() {
    const item = this.selected;
    if (!item) return;
    if (item.isProposal) {
      this.reject();
      return;
    }
    this.perform(deleting(item));
    this.select(null);
  }

  accept() {
    this.#judge(accepting, "Select a proposal first: Tab, or click it.");
  }

  reject() {
    if (this.selected && !this.selected.isProposal) this.remove();
    else this.#judge(rejecting, "Select a box or proposal first: Tab, or click it.");
  }

  #judge(makeStep, advice) {
    if (!this.state) return;
    const waiting = this.showsProposals ? this.proposals() : [];
    const at = waiting.findIndex((p) => p.key === this.selection);
    if (at < 0) {
      this.say(waiting.length ? advice : "There are no proposals on this image.");
      return;
    }
    this.perform(makeStep(waiting[at]));
    const rest = this.proposals();
    this.select(rest[Math.min(at, rest.length - 1)]?.key ?? null);
    this.#emit("reveal");
  }

  acceptAll() {
    if (!this.state) return;
    const waiting = this.showsProposals ? this.proposals() : [];
    if (!waiting.length) {
      this.say("There are no shown proposals to accept.");
      return;
    }
    this.perform(together(waiting.map(accepting)));
    this.select(null);
    this.say(`${waiting.length} ${waiting.length === 1 ? "proposal" : "proposals"} accepted. Ctrl+Z takes it back.`);
  }

  // ---- the state of the image, and walking on ----

  done() {
    this.#markAndGo({ is_reviewed: true, is_skipped: false });
  }

  skip() {
    this.#markAndGo({ is_skipped: true, is_reviewed: false });
  }

  /** No object of any class is here: what was proposed was wrong. */
  none() {
    if (!this.state) return;
    if (this.state.boxes.size) {
      this.say(`This image has ${this.state.boxes.size} boxes. Delete them first, or press Enter if they are right.`, "bad");
      return;
    }
    const proposed = [...this.state.proposals.values()];
    if (proposed.length) this.perform(together(proposed.map(rejecting)));
    this.done();
  }

  /** Done, or open again, without walking on. */
  toggleDone() {
    if (!this.state) return;
    this.#mark({ is_reviewed: !this.state.image.is_reviewed, is_skipped: false });
    this.#emit("boxes");
  }

  #markAndGo(marks) {
    if (!this.state) return;
    this.#mark(marks);
    if (!this.step(1)) this.#emit("boxes");
  }

  #mark(marks) {
    this.#run([{ kind: "mark", ...marks }]);
    const card = this.cards.byId.get(this.imageId);
    if (card) Object.assign(card, marks);
    this.#emit("list");
  }

  next() {
    if (!this.step(1)) this.say("This is the last image of the list.");
  }

  previous() {
    if (!this.step(-1)) this.say("This is the first image of the list.");
  }

  /** Go `by` images on in the list; in review past those that are done. False at its end. */
  step(by) {
    const isDone = (id) => {
      const card = this.cards.byId.get(id);
      return this.mode === "review" && by > 0 && Boolean(card?.is_reviewed || card?.is_skipped);
    };
    const here = this.list.indexOf(this.imageId);
    let index = here >= 0 ? here + by : this.lastIndex + (by > 0 ? 0 : -1);
    while (index >= 0 && index < this.list.ids.length && isDone(this.list.ids[index])) index += by;
    const id = this.list.ids[index];
    if (id === undefined) {
      if (by > 0 && this.mode === "review") this.#emit("finished");
      return false;
    }
    this.goTo(id);
    return true;
  }

  // ---- what is shown ----

  async setFilter(filter, query) {
    this.filter = filter;
    this.query = query;
    await this.refreshList();
    if (this.list.indexOf(this.imageId) < 0) await this.goToFirst();
  }

  async goToFirst() {
    if (this.list.ids.length) await this.goTo(this.list.ids[0]);
    else this.leave();
  }

  setMinScore(score) {
    this.minScore = score;
    if (!this.find(this.selection)) this.selection = null;
    this.#emit("boxes");
  }

  toggleProposals() {
    this.showsProposals = !this.showsProposals;
    this.say(this.showsProposals ? "Proposals are shown." : "Proposals are hidden.");
    this.setMinScore(this.minScore);
  }

  // ---- telling ----

  say(text, level = "info") {
    this.dispatchEvent(new CustomEvent("say", { detail: { text, level } }));
  }

  #emit(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** Tell the rest of the page what was changed here. */
export function announce(kinds, imageId) {
  const detail = { source: "canvas", kinds, image_id: imageId };
  window.dispatchEvent(new CustomEvent("sdpt:changed", { detail }));
}
