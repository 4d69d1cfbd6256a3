// Undo and redo, per image. Kept in sessionStorage: a reload of the page or another image does not end it.

const KEY = "sdpt.history.";
const MAX_STEPS = 100;
const MAX_IMAGES = 40;
const NUDGE_MS = 900;

export class History {
  constructor(workspace) {
    this.key = KEY + workspace;
    this.images = new Map(this.#load()); // image id -> {done: [step], undone: [step]}
    this.lastNudge = { tag: null, at: 0 };
  }

  /** `tag` joins quick repeats (arrow keys on one box) into one step. */
  add(imageId, step, tag = null) {
    const entry = this.#entry(imageId);
    const now = performance.now();
    const joins = tag && this.lastNudge.tag === tag && now - this.lastNudge.at < NUDGE_MS && entry.done.length;
    if (joins) entry.done.at(-1).redo = step.redo;
    else entry.done.push(step);
    this.lastNudge = { tag, at: now };
    entry.undone = [];
    entry.done.splice(0, Math.max(entry.done.length - MAX_STEPS, 0));
    this.#save();
  }

  undo(imageId) {
    return this.#shift(imageId, "done", "undone");
  }

  redo(imageId) {
    return this.#shift(imageId, "undone", "done");
  }

  can(imageId) {
    const entry = this.images.get(imageId);
    return { undo: Boolean(entry?.done.length), redo: Boolean(entry?.undone.length) };
  }

  /** After a conflict the steps no longer fit what is stored. */
  forget(imageId) {
    this.images.delete(imageId);
    this.#save();
  }

  #shift(imageId, from, to) {
    const entry = this.#entry(imageId);
    const step = entry[from].pop();
    if (!step) return null;
    entry[to].push(step);
    this.lastNudge = { tag: null, at: 0 };
    this.#save();
    return step;
  }

  #entry(imageId) {
    const entry = this.images.get(imageId) ?? { done: [], undone: [] };
    this.images.delete(imageId); // to the end: the oldest go first
    this.images.set(imageId, entry);
    while (this.images.size > MAX_IMAGES) this.images.delete(this.images.keys().next().value);
    return entry;
  }

  #load() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key)) ?? [];
    } catch {
      return []; // written by another version: begin anew
    }
  }

  #save() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify([...this.images]));
    } catch {
      sessionStorage.removeItem(this.key); // full: undo still works until the page is closed
    }
  }
}
