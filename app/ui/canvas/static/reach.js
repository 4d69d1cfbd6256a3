// Whether the server answers. Every request tells; while it does not, a small question is asked again and again.

const ASK_MS = 2000;

class Reach extends EventTarget {
  constructor() {
    super();
    this.isReached = true;
    this.timer = 0;
    addEventListener("offline", () => this.lost());
    addEventListener("online", () => this.#ask());
  }

  /** Some request was answered, whatever the answer. */
  heard() {
    clearInterval(this.timer);
    this.#set(true);
  }

  /** Nobody answered. */
  lost() {
    if (this.isReached) this.timer = setInterval(() => this.#ask(), ASK_MS);
    this.#set(false);
  }

  async #ask() {
    try {
      await fetch("/sdpt/api/session", { cache: "no-store", credentials: "same-origin" });
      this.heard();
    } catch {
      this.lost();
    }
  }

  #set(isReached) {
    if (isReached === this.isReached) return;
    this.isReached = isReached;
    this.dispatchEvent(new Event("change"));
  }
}

/** One per page. Event "change". */
export const reach = new Reach();
