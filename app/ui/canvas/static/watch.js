// Asks, while the canvas can be seen, what others do to the image that it shows: a second window on it is told, and
// changes made elsewhere appear here.

import { getJson } from "./api.js";

const ASK_MS = 3000;

/** Event "others": `numOthers` windows show this image too. */
export class Watch extends EventTarget {
  constructor(session, queue, isVisible) {
    super();
    Object.assign(this, { session, queue, isVisible });
    this.numOthers = 0;
    setInterval(() => this.look(), ASK_MS);
    for (const event of ["focus", "visibilitychange"]) addEventListener(event, () => this.look());
    addEventListener("pagehide", () => this.#leave());
    session.addEventListener("image", () => {
      this.#setOthers(0);
      this.look();
    });
  }

  async look() {
    const { session, queue } = this;
    const id = session.imageId;
    if (id === null || document.hidden || !this.isVisible()) return;
    const { epoch } = session;
    let found;
    try {
      found = await getJson(`/sdpt/api/images/${id}/watch?page=${queue.page}`);
    } catch {
      return; // the banner says that nobody answers; the next look comes by itself
    }
    if (id !== session.imageId) return;
    this.#setOthers(found.num_others);
    const isOurs = epoch !== session.epoch || queue.pendingFor(id).length > 0;
    if (isOurs || !session.version || found.version === session.version) return;
    await session.reload();
    session.say("This image was changed elsewhere; its newest state is shown.");
  }

  /** The page goes: it looks at nothing any more. */
  #leave() {
    const id = this.session.imageId;
    if (id !== null) fetch(`/sdpt/api/images/${id}/watch?page=${this.queue.page}&leaves=true`, { keepalive: true });
  }

  #setOthers(number) {
    if (number === this.numOthers) return;
    const isNews = number > this.numOthers;
    this.numOthers = number;
    this.dispatchEvent(new Event("others"));
    if (isNews) this.session.say("This image is open in another window too. Changes made there appear here.");
  }
}
