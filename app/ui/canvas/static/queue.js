// The save queue: every change of a person, in order, until the server has acknowledged it.
//
// It lives in localStorage, so a killed browser or a server that is down loses nothing. Each open page owns one
// entry; a page that finds the entry of a dead page sends what is left in it. A message may arrive twice: the
// server recognises repeats by the uid of a box, which is why a batch that was once sent is never changed.

import { postJson } from "./api.js";
import { newUid } from "./dom.js";
import { forgetHistories } from "./history.js";
import { reach } from "./reach.js";

const PREFIX = "sdpt.queue.";
const MAX_BATCH = 200;
const RETRY_MS = [300, 700, 1500, 3000, 5000];
const ADOPT_AFTER_MS = [1000, 3000, 10000];
const DEAD_AFTER_MS = 90000; // only where the browser has no locks
const BEAT_MS = 15000;

/**
 * Events (CustomEvent): "status"; "added" {imageIds}; "saved" {imageId, document, kinds};
 * "refused" {imageId, op, error}; "foreign" (another workspace answers at this address).
 */
export class SaveQueue extends EventTarget {
  constructor(workspace) {
    super();
    this.workspace = workspace;
    this.page = newUid();
    this.ops = [];
    this.state = "saved";
    this.isPumping = false;
    this.failures = 0;
    this.wake = null;
    this.#holdLock();
    this.isReady = this.#adoptOrphans(); // what a closed page left behind goes before what is done now
    reach.addEventListener("change", () => (reach.isReached ? this.retryNow() : this.#emit("status", {})));
    addEventListener("beforeunload", (event) => this.ops.length && !this.isStored && event.preventDefault());
    addEventListener("pagehide", () => this.#release());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    setInterval(() => this.ops.length && this.#persist(), BEAT_MS);
    for (const delay of ADOPT_AFTER_MS) setTimeout(() => this.#adoptOrphans(), delay);
    setInterval(() => this.#adoptOrphans(), 30000);
  }

  /** op: {kind: "edit"|"verdict"|"mark"|"note", image_id, ...}; see model.js. */
  push(ops) {
    this.ops.push(...ops.map((op) => ({ ...op, n: newUid() })));
    window.dispatchEvent(new CustomEvent("sdpt:pushed", { detail: { ops } }));
    this.#persist();
    this.#pump();
  }

  pendingFor(imageId) {
    return this.ops.filter((op) => op.image_id === imageId);
  }

  retryNow() {
    this.wake?.();
  }

  get key() {
    return `${PREFIX}${this.workspace}.${this.page}`;
  }

  async #pump() {
    if (this.isPumping) return;
    this.isPumping = true;
    await this.isReady;
    while (this.ops.length && this.state !== "foreign") {
      const batch = this.#nextBatch();
      if (this.state !== "login") this.#setState(this.failures ? "offline" : "saving");
      try {
        const document = await postJson(...message(batch), this.workspace);
        this.failures = 0;
        this.#acknowledge(batch, document);
      } catch (error) {
        await this.#afterFailure(batch, error);
      }
    }
    this.isPumping = false;
    if (this.state !== "foreign") this.#setState("saved");
  }

  /** The operations at the front that go in one request; once tried, a batch stays as it is. */
  #nextBatch() {
    const first = this.ops[0];
    let size = 1;
    if (first.batch) while (this.ops[size]?.batch === first.batch) size += 1;
    else {
      while (size < MAX_BATCH && goesWith(first, this.ops[size])) size += 1;
      const id = newUid();
      for (const op of this.ops.slice(0, size)) op.batch = id;
    }
    const batch = this.ops.slice(0, size);
    if (batch.some((op) => !op.is_tried)) {
      for (const op of batch) op.is_tried = true;
      this.#persist();
    }
    return batch;
  }

  #acknowledge(batch, document) {
    this.ops.splice(0, batch.length);
    const revisions = new Map(document.annotations.map((a) => [a.uid, a.revision]));
    const sent = new Set(batch.map((op) => op.uid));
    // What follows was made on top of what we sent ourselves, so it is no conflict.
    for (const op of this.ops) {
      if (sent.has(op.uid) && !op.is_tried && revisions.has(op.uid)) op.base_revision = revisions.get(op.uid);
    }
    this.#persist();
    const kinds = [...new Set(batch.map((op) => op.kind))];
    this.#emit("saved", { imageId: batch[0].image_id, document, kinds });
  }

  async #afterFailure(batch, error) {
    if (error.status === 412) {
      this.#setState("foreign");
      this.#emit("foreign", { message: error.message });
    } else if (error.isTemporary || error.status === 401 || error.status === 403 || error.status === 429) {
      this.#setState(error.status === 401 ? "login" : "offline");
      await this.#pause(RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)]);
      this.failures += 1;
    } else if (batch.length > 1) {
      // One of them is refused: send them singly, so that only that one is given up.
      for (const op of batch) Object.assign(op, { batch: newUid(), is_tried: false });
      this.#persist();
    } else this.#giveUp(batch[0], error);
  }

  #giveUp(op, error) {
    this.ops.shift();
    const rescue = rescued(op, error);
    if (rescue) this.ops.unshift(rescue);
    this.#persist();
    if (!rescue) this.#emit("refused", { imageId: op.image_id, op, error });
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #setState(state) {
    this.state = state;
    this.#emit("status", {});
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #persist() {
    if (this.ops.length) {
      const entry = { alive: Date.now(), ops: this.ops };
      this.isStored = stored(this.key, entry) || (forgetHistories(), stored(this.key, entry));
    } else localStorage.removeItem(this.key);
    this.#emit("status", {});
  }

  #release() {
    if (this.ops.length) stored(this.key, { alive: 0, ops: this.ops });
  }

  #holdLock() {
    navigator.locks?.request(`${PREFIX}${this.page}`, () => new Promise(() => {}));
  }

  async #adoptOrphans() {
    if (!navigator.locks) return this.#adoptDead(null);
    await navigator.locks.request(`${PREFIX}adopt`, async () => {
      const { held } = await navigator.locks.query();
      this.#adoptDead(new Set(held.map((lock) => lock.name)));
    });
  }

  #adoptDead(heldLocks) {
    const mine = `${PREFIX}${this.workspace}.`;
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(mine) && key !== this.key);
    for (const key of keys) {
      const entry = read(key);
      const page = key.slice(mine.length);
      const isDead = heldLocks ? !heldLocks.has(PREFIX + page) : Date.now() - entry.alive > DEAD_AFTER_MS;
      if (!isDead) continue;
      // Theirs are older than ours, but what was tried once may be on its way and keeps its place.
      this.ops.splice(this.ops.findLastIndex((op) => op.is_tried) + 1, 0, ...entry.ops);
      this.#persist(); // first ours, then away with theirs: a crash in between repeats, but loses nothing
      localStorage.removeItem(key);
      this.#emit("added", { imageIds: [...new Set(entry.ops.map((op) => op.image_id))] });
      this.#pump();
    }
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? { alive: 0, ops: [] };
  } catch {
    return { alive: 0, ops: [] };
  }
}

/** Whether it could be stored: the browser's space may be full, or forbidden; the banner says so. */
function stored(key, entry) {
  try {
    localStorage.setItem(key, JSON.stringify(entry));
    return true;
  } catch {
    return false;
  }
}

function goesWith(first, op) {
  return op && !op.batch && (first.kind === "edit" || first.kind === "verdict") && op.kind === first.kind && op.image_id === first.image_id;
}

/** A judged proposal that is gone or judged already still gives its box: as one drawn by hand. */
function rescued(op, error) {
  const makesBox = op.kind === "verdict" && (op.verdict === "accepted" || op.verdict === "corrected");
  if (!makesBox || error.status !== 404) return null;
  const { uid, box, category_id, image_id } = op;
  return { kind: "edit", op: "create", uid, box, category_id, image_id, n: newUid() };
}

/** [path, body] of a batch. */
function message(batch) {
  const base = `/sdpt/api/images/${batch[0].image_id}`;
  if (batch[0].kind === "mark") {
    const { is_reviewed, is_skipped, is_flagged } = batch[0];
    return [`${base}/marks`, { is_reviewed, is_skipped, is_flagged }];
  }
  if (batch[0].kind === "note") return [`${base}/note`, { text: batch[0].text, expected: batch[0].expected }];
  if (batch[0].kind === "verdict") return [`${base}/verdicts`, { verdicts: batch.map(verdictBody) }];
  return [`${base}/edits`, { edits: merged(batch) }];
}

function verdictBody({ prediction_id, verdict, uid, box, category_id }) {
  if (verdict === "rejected" || verdict === "pending") return { prediction_id, verdict };
  return verdict === "accepted"
    ? { prediction_id, verdict, uid }
    : { prediction_id, verdict, uid, box, category_id };
}

/** Several changes of one box become one, so that its revision goes up once per message. */
function merged(batch) {
  const out = [];
  for (const { op, uid, box, category_id, base_revision } of batch) {
    const last = out.findLast((edit) => edit.uid === uid);
    if (op === "update" && last && last.op !== "delete") {
      if (box) last.box = box;
      if (category_id) last.category_id = category_id;
    } else if (op === "update") out.push({ op, uid, box, category_id, expected_revision: base_revision });
    else if (op === "create") out.push({ op, uid, box, category_id });
    else out.push({ op, uid, expected_revision: last ? null : base_revision });
  }
  return out;
}

/** What the state line says, and how loudly. */
export function saveState(queue) {
  const waiting = queue.ops.length;
  const changes = `${waiting} ${waiting === 1 ? "change" : "changes"}`;
  if (queue.state === "foreign") return { text: "Another workspace", level: "bad" };
  if (waiting && queue.isStored === false) return { text: `${changes} not saved`, level: "bad" };
  if (queue.state === "login") return { text: `Log in again: ${changes} waiting`, level: "bad" };
  if (!reach.isReached || (waiting && queue.state === "offline"))
    return { text: waiting ? `Offline: ${changes} waiting` : "Offline", level: "bad" };
  return waiting ? { text: "Saving…", level: "busy" } : { text: "Saved", level: "good" };
}

/** The sentence of the banner over the image, or null while all is well. */
export function trouble(queue) {
  const waiting = queue.ops.length;
  const kept = waiting
    ? `${waiting} ${waiting === 1 ? "change is" : "changes are"} kept in this browser and will be sent in order.`
    : "Every change to an image so far is saved.";
  if (queue.state === "foreign") {
    return "Another workspace is served at this address now. Your changes are kept in this browser until yours is back.";
  }
  if (waiting && queue.isStored === false) {
    return `${waiting} changes can be kept in this page only: the browser gives no room. Do not close it.`;
  }
  if (queue.state === "login") return `You are logged out: log in again in another tab. ${kept}`;
  if (!reach.isReached || (waiting && queue.state === "offline")) {
    return `The server does not answer. You can go on. ${kept}`;
  }
  return null;
}
