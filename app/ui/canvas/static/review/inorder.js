// Messages to the server one after another, so that no answer is older than the one before it.
//
// Scores that wait are sent together. Scores that nobody took stay in front, and go out before whatever comes next.

export class InOrder {
  #waiting = []; // {scores} or {ask}, oldest first; the first is on its way while #isSending
  #isSending = false;

  /** `sendScores(scores)` and each `ask()` give an answer; `onAnswer` gets it, `onError(error, isKept)` a failure. */
  constructor({ sendScores, onAnswer, onError, onIdle }) {
    Object.assign(this, { sendScores, onAnswer, onError, onIdle });
  }

  /** Save these scores: {class id: score or null}. */
  save(scores) {
    const last = this.#waiting.at(-1);
    const isOnItsWay = this.#isSending && this.#waiting.length === 1;
    if (last?.scores && !isOnItsWay) Object.assign(last.scores, scores);
    else this.#waiting.push({ scores: { ...scores } });
    return this.send();
  }

  /** Ask something once everything before it is saved. */
  ask(ask) {
    this.#waiting.push({ ask });
    return this.send();
  }

  isUnsaved(id) {
    return this.#waiting.some(({ scores }) => scores && id in scores);
  }

  get isSending() {
    return this.#isSending;
  }

  get hasUnsaved() {
    return this.#waiting.some(({ scores }) => scores);
  }

  async send() {
    if (this.#isSending) return;
    this.#isSending = true;
    let failure = null;
    try {
      while (this.#waiting.length && !failure) failure = await this.#sendFirst();
    } finally {
      this.#isSending = false; // also when an answer could not be shown: the next move must go out
    }
    if (failure) this.#fail(failure);
    this.onIdle();
  }

  /** The page is being left: what waits goes out at once, and nobody hears the answers. */
  flush() {
    for (const { scores } of this.#waiting.slice(this.#isSending ? 1 : 0)) if (scores) this.sendScores(scores);
  }

  /** The error, or null once the first is answered. */
  async #sendFirst() {
    const { scores, ask } = this.#waiting[0];
    let answer;
    try {
      answer = await (scores ? this.sendScores(scores) : ask());
    } catch (error) {
      return error;
    }
    this.#waiting.shift();
    this.onAnswer(answer, Boolean(scores));
    return null;
  }

  #fail(error) {
    const isKept = Boolean(this.#waiting[0].scores && error.isTemporary);
    if (!isKept) this.#waiting.shift();
    // Questions were asked of a state that was not reached: a person asks again.
    this.#waiting = this.#waiting.filter(({ scores }) => scores);
    this.onError(error, isKept);
  }
}
