// Pointing: a click on an object, and the server finds its box. Until it has, a dot marks the place.

import { draw } from "./editing.js";
import { height, width } from "./geometry.js";
import { postJson } from "./api.js";

const ON_MIDDLE = 0.2; // of a side: who clicks there on a box means that box
const SLOW_MS = 1500;

export class Pointing {
  /** onChange: called when a click begins or ends to wait. */
  constructor({ session, onChange }) {
    Object.assign(this, { session, onChange });
    this.waiting = []; // {x, y} in the image
    this.settled = Promise.resolve();
  }

  /** Have the server find the box at {x, y} of the shown image, and make it. Clicks are answered in their order. */
  at({ x, y }) {
    const { session } = this;
    if (session.currentClass === null) {
      draw(session, [x, y, x, y]); // says what is missing
      return;
    }
    const point = { x, y };
    const [imageId, category_id] = [session.imageId, session.currentClass];
    this.waiting.push(point);
    this.onChange();
    const slow = setTimeout(() => session.say("Looking for the edges; the first click takes some seconds."), SLOW_MS);
    this.settled = this.settled
      .then(() => postJson(`/sdpt/api/images/${imageId}/box-at`, { x, y, category_id }, session.workspace))
      .then(({ box }) => this.#make(box, imageId, category_id))
      .catch((error) => session.say(error.message, "bad"))
      .finally(() => {
        clearTimeout(slow);
        this.waiting = this.waiting.filter((other) => other !== point);
        this.onChange();
      });
  }

  #make(box, imageId, category_id) {
    if (this.session.imageId === imageId) draw(this.session, box, { isPointed: true, category_id });
    else this.session.say("Another image came up before the box was found: it was not made.", "bad");
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
