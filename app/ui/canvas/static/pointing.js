// Pointing: a click on an object, and the server finds its box. Until it has, a dot marks the place. Where that box is
// wrong, a key brings the next guess.

import { postJson } from "./api.js";
import { changeBox, draw } from "./editing.js";
import { height, intersectionOverUnion, width } from "./geometry.js";
import { boxKey } from "./session.js";

const ON_MIDDLE = 0.2; // of a side: who clicks there on a box means that box
const SAME_BOX_IOU = 0.9;
const SAME_CLICK_PX = 8; // on the screen: a double click
const SLOW_MS = 1500;
const TIMEOUT_MS = 60_000; // the first answer waits for the process that gives it to start

export class Pointing {
  /** onChange: called when a click begins or ends to wait. */
  constructor({ session, view, onChange }) {
    Object.assign(this, { session, view, onChange });
    this.waiting = []; // {x, y, imageId}, x and y in the image
    this.chain = Promise.resolve(); // clicks are answered in their order
    this.newest = null; // the key of the box that was found last
    this.guesses = new Map(); // key of a found box -> boxes [x1, y1, x2, y2], the likeliest first
  }

  /** The clicks on the shown image that have no box yet. */
  get waitingHere() {
    return this.waiting.filter(({ imageId }) => imageId === this.session.imageId);
  }

  /** Done when no click waits any more. */
  async settled() {
    while (this.waiting.length) await this.chain;
  }

  /** Have the server find the box at {x, y} of the shown image, and make it. */
  at({ x, y }) {
    const { session } = this;
    if (session.currentClass === null) {
      draw(session, [x, y, x, y]); // says what is missing
      return;
    }
    if (this.waitingHere.some((other) => this.#isSameClick(other, { x, y }))) return;
    const click = { x, y, imageId: session.imageId, category_id: session.currentClass, selection: session.selection };
    this.waiting.push(click);
    this.onChange();
    this.chain = this.chain
      .then(() => this.#answer(click))
      .catch((error) => session.say(error.message, "bad"))
      .finally(() => {
        this.waiting = this.waiting.filter((other) => other !== click);
        this.onChange();
      });
  }

  /** The next guess takes the place of the selected box that a click found; after the last one comes the first again. */
  async another() {
    const { session } = this;
    await this.settled();
    const item = session.selected ?? session.find(this.newest);
    const boxes = this.guesses.get(item?.key);
    if (!boxes) {
      session.say("Point at an object first (P, then a click): this brings the next guess at what was meant.");
      return;
    }
    const next = boxes[1 + boxes.findIndex((box) => intersectionOverUnion(box, item.box) >= SAME_BOX_IOU)];
    session.select(item.key);
    changeBox(session, item.key, next ?? boxes[0]);
    if (next) return;
    const all = boxes.length === 1 ? "There is no other guess." : "That was the last guess; this is the first one again.";
    session.say(`${all} If it is wrong: Del, and draw it.`);
  }

  async #answer({ x, y, imageId, category_id, selection }) {
    const { session } = this;
    if (!this.#isStillShown(imageId)) return;
    const slow = setTimeout(() => session.say("Looking for the edges; the first click takes some seconds."), SLOW_MS);
    try {
      // What lies there by now, saved or not: the object that is meant is another.
      const taken = [...session.state.boxes.values(), ...session.proposals()].map((item) => item.box);
      const click = { x, y, category_id, taken };
      const { boxes } = await postJson(`/sdpt/api/images/${imageId}/boxes-at`, click, session.workspace, TIMEOUT_MS);
      if (this.#isStillShown(imageId)) this.#make(boxes, category_id, selection);
    } finally {
      clearTimeout(slow);
    }
  }

  #isStillShown(imageId) {
    const isShown = this.session.imageId === imageId;
    if (!isShown) this.session.say("Another image came up before the box was found: it was not made.", "bad");
    return isShown;
  }

  /** The likeliest box is made and selected, unless the person has turned to another since the click. */
  #make(boxes, category_id, selection) {
    const { session } = this;
    const [box] = boxes;
    const isFree = [selection, this.newest].includes(session.selection);
    const isSame = (item) => item.category_id === category_id && intersectionOverUnion(item.box, box) >= SAME_BOX_IOU;
    const known = [...session.state.boxes.values()].find(isSame);
    if (known) this.newest = boxKey(known.uid);
    else {
      const uid = draw(session, box, { isPointed: true, category_id, selects: false });
      if (!uid) return;
      this.newest = boxKey(uid);
    }
    this.guesses.set(this.newest, boxes);
    if (isFree) session.select(this.newest);
  }

  #isSameClick(a, b) {
    return Math.hypot(a.x - b.x, a.y - b.y) * this.view.scale <= SAME_CLICK_PX;
  }

  /** Get the server ready, so that the first click need not wait for it. */
  warmUp() {
    postJson("/sdpt/api/pointing", {}, this.session.workspace).catch((error) => this.session.say(error.message, "bad"));
  }
}

/** Whether {x, y} lies about in the middle of a box. */
export function isOnMiddle(box, { x, y }) {
  const dx = Math.abs(x - (box[0] + box[2]) / 2) / width(box);
  const dy = Math.abs(y - (box[1] + box[3]) / 2) / height(box);
  return Math.max(dx, dy) <= ON_MIDDLE;
}
