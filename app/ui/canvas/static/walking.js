// From image to image, and what a person says about an image as a whole.

import { rejecting, together } from "./model.js";

const LAST = "This is the last image of the list.";

export function done(session) {
  markAndGo(session, { is_reviewed: true, is_skipped: false });
}

export function skip(session) {
  markAndGo(session, { is_skipped: true, is_reviewed: false });
}

/** No object of any class is here: what was proposed was wrong. */
export function none(session) {
  if (!session.state) return;
  const { boxes, proposals } = session.state;
  if (boxes.size) {
    const isOne = boxes.size === 1;
    const [number, them, theyAre] = isOne ? ["1 box", "it", "it is"] : [`${boxes.size} boxes`, "them", "they are"];
    session.say(`This image has ${number}. Delete ${them} first, or press Enter if ${theyAre} right.`, "bad");
    return;
  }
  if (proposals.size) session.perform(together([...proposals.values()].map(rejecting)));
  done(session);
}

/** Done, or open again, without walking on. */
export function toggleDone(session) {
  if (!session.state) return;
  mark(session, { is_reviewed: !session.state.image.is_reviewed, is_skipped: false });
  session.touch();
}

export function toggleFlag(session) {
  if (!session.state) return;
  const is_flagged = !session.state.image.is_flagged;
  mark(session, { is_flagged });
  session.say(is_flagged ? "Flagged: the filter 'Flagged' finds it again." : "The flag is off.");
  session.touch();
}

export function comment(session, text) {
  const before = session.state?.image.comment ?? "";
  if (!session.state || text.trim() === before) return;
  session.run([{ kind: "note", text: text.trim(), expected: before }]);
  const card = session.cards.byId.get(session.imageId);
  if (card) card.comment = text.trim();
  session.emit("list");
  session.touch();
}

function markAndGo(session, marks) {
  if (!session.state) return;
  const said = marks.is_reviewed ? whatIsLeft(session.state, session.proposals().length) : "";
  mark(session, marks);
  const isLast = !step(session, 1);
  session.say(isLast && session.mode === "label" ? `${said} ${LAST}`.trim() : said);
  if (isLast) session.touch();
}

/** An image may be done without a box, or with proposals that nobody judged; a slip of the hand looks the same. */
function whatIsLeft({ image, boxes }, numWaiting) {
  const name = `'${image.relative_path}'`;
  if (numWaiting) return `${name} is done; ${numWaiting === 1 ? "1 proposal on it was" : `${numWaiting} proposals on it were`} not judged.`;
  return boxes.size ? "" : `${name} is done without a box: it counts as having none.`;
}

function mark(session, marks) {
  session.run([{ kind: "mark", ...marks }]);
  const card = session.cards.byId.get(session.imageId);
  if (card) Object.assign(card, marks);
  session.emit("list");
}

export function next(session) {
  session.say(""); // what was said of this image
  if (!step(session, 1, session.headingTo)) session.say(LAST);
}

export function previous(session) {
  session.say("");
  if (!step(session, -1, session.headingTo)) session.say("This is the first image of the list.");
}

/** Go `by` images on in the list from `from` or the shown one; in review past those that are done. False at its end. */
function step(session, by, from = null) {
  const { list, cards, mode } = session;
  const isPast = (id) => {
    const card = cards.byId.get(id);
    return mode === "review" && by > 0 && Boolean(card?.is_reviewed || card?.is_skipped);
  };
  const here = list.indexOf(from ?? session.imageId);
  let index = here >= 0 ? here + by : session.lastIndex + (by > 0 ? 0 : -1);
  while (index >= 0 && index < list.ids.length && isPast(list.ids[index])) index += by;
  const id = list.ids[index];
  if (id === undefined) {
    if (by > 0 && mode === "review") session.emit("finished");
    return false;
  }
  session.goTo(id);
  return true;
}

/** `search`: {state, query, category_id?, score_from?, score_to?}. */
export async function setSearch(session, search) {
  session.search = search;
  if (!(await session.refreshList())) return;
  if (session.list.indexOf(session.imageId) < 0) await goToFirst(session);
}

export async function goToFirst(session) {
  if (session.list.ids.length) await session.goTo(session.list.ids[0]);
  else session.leave();
}
