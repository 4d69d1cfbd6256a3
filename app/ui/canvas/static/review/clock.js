// How long a person works on what: active seconds between two changes, told to the server in small parcels.
//
// Time runs while somebody moves, clicks or types in front of a canvas or a dialog of review. A pause counts as
// IDLE_S at the most, time in other tabs not at all.

import { postJson } from "../api.js";
import { newUid } from "../dom.js";

const IDLE_S = 30;
const SEND_EVERY_MS = 5000;
const MOST = 200; // in one message
const INPUTS = ["pointermove", "pointerdown", "keydown", "wheel"];

/** [action, boxes that it made] of an operation of the save queue; null for what is no step of the work. */
export function actionOf(op) {
  if (op.kind === "verdict") {
    const made = { accepted: 1, corrected: 1, rejected: 0, pending: 0 }[op.verdict];
    return [op.verdict === "pending" ? "edited" : op.verdict, made];
  }
  if (op.kind === "edit") {
    return { create: [op.is_pointed ? "pointed" : "drawn", 1], update: ["edited", 0], delete: ["deleted", 0] }[op.op];
  }
  if (op.kind === "mark" && op.is_reviewed) return ["done", 0];
  if (op.kind === "mark" && op.is_skipped) return ["skipped", 0];
  return null;
}

let clock = null;

/** Once per page, from its first canvas on: work by hand comes before Review is ever opened. */
export function startClock(workspace) {
  clock ??= new EffortClock(workspace);
}

/** The server knows all that was timed so far, or could not be reached. */
export const allTimed = () => clock?.send();

class EffortClock {
  constructor(workspace, now = () => performance.now()) {
    this.workspace = workspace;
    this.now = now;
    this.last = now();
    this.seconds = 0;
    this.waiting = [];
    this.sending = null; // the promise of the parcel that is on its way
    for (const name of INPUTS) addEventListener(name, () => this.tick(), { capture: true, passive: true });
    addEventListener("sdpt:pushed", ({ detail }) => this.note(detail.ops));
    addEventListener("visibilitychange", () => this.#pause());
    addEventListener("pagehide", () => this.send());
    setInterval(() => this.send(), SEND_EVERY_MS);
  }

  tick() {
    const at = this.now();
    if (isAtWork()) this.seconds += Math.min((at - this.last) / 1000, IDLE_S);
    this.last = at;
  }

  /** Changes that a person has just made share the time since the ones before. */
  note(ops) {
    this.tick();
    const steps = ops.map((op) => [op.image_id, actionOf(op)]).filter(([, action]) => action);
    if (!steps.length) return;
    const each = this.seconds / steps.length;
    this.seconds = 0;
    for (const [image_id, [action, num_boxes]] of steps) {
      this.waiting.push({ uid: newUid(), image_id, action, num_boxes, seconds: Math.round(each * 1000) / 1000 });
    }
  }

  send() {
    if (!this.waiting.length) return this.sending;
    this.sending ??= this.#sendParcel().finally(() => (this.sending = null));
    return this.sending;
  }

  async #sendParcel() {
    const parcel = this.waiting.slice(0, MOST);
    try {
      await postJson("/sdpt/api/review/effort", { timed: parcel }, this.workspace);
      this.waiting.splice(0, parcel.length);
      dispatchEvent(new CustomEvent("sdpt:timed"));
    } catch (error) {
      if (!error.isTemporary) this.waiting.splice(0, parcel.length); // refused for good: it would be again
    }
  }

  #pause() {
    if (document.visibilityState === "visible") this.last = this.now();
    else this.tick();
  }
}

function isAtWork() {
  const places = document.querySelectorAll(".sdpt-stage, dialog.sdpt-sheet[open]");
  return document.visibilityState === "visible" && [...places].some((place) => place.offsetParent || place.open);
}
