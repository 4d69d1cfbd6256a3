// Changes that the server refused, because somebody else was faster or a class is gone. Nothing is overwritten and
// nothing is thrown away: what the person did is kept here until they say which version should stand.

const PREFIX = "sdpt.conflicts.";

/** Entries are {id, image_id, op, message}. Event "change". Kept in localStorage. */
export class Conflicts extends EventTarget {
  constructor(workspace) {
    super();
    this.key = PREFIX + workspace;
  }

  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? [];
    } catch {
      return []; // written by another version
    }
  }

  forImage(imageId) {
    return this.all().filter((entry) => entry.image_id === imageId);
  }

  add(op, message) {
    const others = this.all().filter((entry) => !op.uid || entry.op.uid !== op.uid); // the latest of a box counts
    this.#keep([...others, { id: op.n, image_id: op.image_id, op, message }]);
  }

  settle(id) {
    this.#keep(this.all().filter((entry) => entry.id !== id));
  }

  #keep(entries) {
    if (entries.length) localStorage.setItem(this.key, JSON.stringify(entries));
    else localStorage.removeItem(this.key);
    this.dispatchEvent(new Event("change"));
  }
}

/** Whether a refused change holds something that a person may still want. */
export function isWorthKeeping(op) {
  return op.kind === "note" || Boolean(op.mine) || (op.kind === "edit" && op.op === "delete");
}
