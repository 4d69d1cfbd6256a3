// Undo and redo, per image. Kept in localStorage, one entry per image: neither a restart of the browser nor of the
// server ends it, and two tabs on one image share it.

const PREFIX = "sdpt.history.";
const MAX_STEPS = 100;
const MAX_IMAGES = 60;
const MAX_CHARS = 150000; // of one image: the save queue needs its share of the browser's 5 MB
const NUDGE_MS = 900;

export class History {
  constructor(workspace) {
    this.prefix = `${PREFIX}${workspace}.`;
    this.lastRead = { key: null, text: null, entry: null };
    this.lastNudge = { tag: null, at: 0 };
  }

  /** `tag` joins quick repeats (arrow keys on one box) into one step. */
  add(imageId, step, tag = null) {
    const entry = this.#read(imageId);
    const now = performance.now();
    const joins = tag && this.lastNudge.tag === tag && now - this.lastNudge.at < NUDGE_MS && entry.done.length;
    if (joins) entry.done.at(-1).redo = step.redo;
    else entry.done.push(step);
    this.lastNudge = { tag, at: now };
    entry.undone = [];
    this.#write(imageId, entry);
  }

  undo(imageId) {
    return this.#shift(imageId, "done", "undone");
  }

  redo(imageId) {
    return this.#shift(imageId, "undone", "done");
  }

  /** After a conflict the steps no longer fit what is stored. */
  forget(imageId) {
    localStorage.removeItem(this.prefix + imageId);
  }

  #shift(imageId, from, to) {
    const entry = this.#read(imageId);
    const step = entry[from].pop();
    if (!step) return null;
    entry[to].push(step);
    this.lastNudge = { tag: null, at: 0 };
    this.#write(imageId, entry);
    return step;
  }

  /** {at, done: [step], undone: [step]}; parsed again only when another tab has changed it. */
  #read(imageId) {
    const key = this.prefix + imageId;
    const text = localStorage.getItem(key);
    if (this.lastRead.key !== key || this.lastRead.text !== text) {
      this.lastRead = { key, text, entry: parsed(text) };
    }
    return this.lastRead.entry;
  }

  #write(imageId, entry) {
    const key = this.prefix + imageId;
    entry.at = Date.now();
    entry.done.splice(0, Math.max(entry.done.length - MAX_STEPS, 0));
    let text = JSON.stringify(entry);
    while (text.length > MAX_CHARS && entry.done.length > 1) {
      entry.done.splice(0, Math.ceil(entry.done.length / 4));
      text = JSON.stringify(entry);
    }
    if (localStorage.getItem(key) === null) this.#makeRoom();
    try {
      localStorage.setItem(key, text);
    } catch {
      forgetHistories(); // full: undo of other images goes, this one works until the page is closed
    }
    this.lastRead = { key, text: localStorage.getItem(key), entry };
  }

  /** The images that were worked on longest ago lose their steps first. */
  #makeRoom() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    if (keys.length < MAX_IMAGES) return;
    const aged = keys.map((key) => [key, parsed(localStorage.getItem(key)).at ?? 0]).sort((a, b) => a[1] - b[1]);
    for (const [key] of aged.slice(0, keys.length - MAX_IMAGES + 10)) localStorage.removeItem(key);
  }
}

/** Give the space of all undo steps to what matters more: changes that are not saved yet. */
export function forgetHistories() {
  for (const key of Object.keys(localStorage).filter((k) => k.startsWith(PREFIX))) localStorage.removeItem(key);
}

function parsed(text) {
  try {
    const { at, done, undone } = JSON.parse(text);
    return { at, done: [...done], undone: [...undone] };
  } catch {
    return { at: 0, done: [], undone: [] }; // none yet, or written by another version: begin anew
  }
}
