// What a person does to boxes: draw, move, resize, copy, delete, and give them a class.

import { postJson } from "./api.js";
import { beside, clipped, height, intersectionOverUnion, isLargeEnough, isSame, moved, resized, SMALLEST_PX, width, withEdgeAt } from "./geometry.js";
import { changing, correcting, creating, deleting, stateOf, together } from "./model.js";
import { newUid } from "./dom.js";
import { reject } from "./judging.js";
import { announce, boxKey } from "./session.js";

const SAME_BOX_IOU = 0.9;

/** The uid of the new box, or null when none was made. */
export function draw(session, box, { isPointed = false, category_id = session.currentClass, selects = true } = {}) {
  if (category_id === null) {
    session.say("Name a class first: type it under 'Classes', or add it in Project.", "bad");
    session.emit("needclass");
    return null;
  }
  if (!isLargeEnough(box)) {
    const size = `${width(box).toFixed(1)} × ${height(box).toFixed(1)}`;
    session.say(`No box was made: it would be ${size} pixels, and ${SMALLEST_PX} × ${SMALLEST_PX} is the least.`);
    return null;
  }
  const step = creating(box, category_id, newUid(), { isPointed });
  session.perform(step);
  const { uid } = step.redo[0];
  if (selects) session.select(boxKey(uid));
  return uid;
}

/** A dragged proposal becomes a box of the person who dragged it. */
export function changeBox(session, key, box, { tag = null } = {}) {
  const item = session.find(key);
  if (item && !isSame(box, item.box)) change(session, item, { box }, tag);
}

function change(session, item, changes, tag = null) {
  if (!item.isProposal) {
    session.perform(changing(item, changes), { tag });
    return;
  }
  const step = correcting(item, changes);
  session.perform(step);
  session.select(boxKey(step.redo[0].uid));
}

export function nudge(session, dx, dy) {
  const item = session.selected;
  if (item) changeBox(session, item.key, moved(item.box, dx, dy, session.state.image), { tag: `move ${item.key}` });
}

/** Pull a corner, "se" or "nw", or an edge. */
export function pull(session, handle, dx, dy) {
  const item = session.selected;
  if (!item) return;
  const box = resized(item.box, handle, dx, dy, session.state.image);
  changeBox(session, item.key, box, { tag: `${handle} ${item.key}` });
}

/** The edge of the selected box that is meant comes to {x, y}; or of another. */
export function bringEdge(session, point, key = session.selection) {
  const item = session.find(key);
  if (!item || !point) {
    session.say("Select a box first (Tab, or click it), and put the pointer where an edge of it should be.");
    return;
  }
  changeBox(session, item.key, withEdgeAt(item.box, point, session.state.image));
}

export function remove(session) {
  const item = session.selected;
  if (!item) return;
  if (item.isProposal) {
    reject(session);
    return;
  }
  session.perform(deleting(item));
  session.select(null);
}

/** The same box once more, `by` pixels beside itself, of the same class. */
export function duplicate(session, by) {
  const item = session.selected;
  if (!item) {
    session.say("Select the box to duplicate first: Tab, or click it.");
    return;
  }
  const step = creating(beside(item.box, by, session.state.image), item.category_id);
  session.perform(step);
  session.select(boxKey(step.redo[0].uid));
}

/** The boxes of the image before this one, but for those that are here already. */
export async function copyFromPrevious(session) {
  const { imageId, list } = session;
  const previous = imageId === null ? undefined : list.ids[list.indexOf(imageId) - 1];
  if (previous === undefined) {
    session.say("There is no image before this one in the list.");
    return;
  }
  let before;
  try {
    before = stateOf(await session.loader.document(previous), session.queue.pendingFor(previous));
  } catch (error) {
    session.say(error.message, "bad");
    return;
  }
  if (session.imageId !== imageId) return; // walked on while it was loaded
  const steps = [...before.boxes.values()]
    .map((b) => ({ ...b, box: clipped(b.box, session.state.image) }))
    .filter((b) => isLargeEnough(b.box) && !isHere(session, b))
    .map((b) => creating(b.box, b.category_id));
  if (steps.length) session.perform(together(steps));
  const name = before.image.relative_path;
  const number = `${steps.length} ${steps.length === 1 ? "box" : "boxes"}`;
  session.say(steps.length ? `${number} copied from '${name}'. Ctrl+Z takes them back.` : `'${name}' has no box that is not here.`);
}

function isHere(session, { box, category_id }) {
  return [...session.state.boxes.values()].some(
    (b) => b.category_id === category_id && intersectionOverUnion(b.box, box) >= SAME_BOX_IOU,
  );
}

/** The class of what is drawn next, and of the selected box too, unless it is `forNext` alone. */
export function chooseClass(session, id, { forNext = false } = {}) {
  session.setCurrentClass(id);
  const item = forNext ? null : session.selected;
  if (item && item.category_id !== id) change(session, item, { category_id: id });
}

/** 1 is the first class, 0 the tenth. */
export function chooseDigit(session, digit, options) {
  const category = session.categories[digit === 0 ? 9 : digit - 1];
  if (category) chooseClass(session, category.id, options);
  else session.say(`There is no class ${digit}.`);
}

/** Whether a class of that name could be made; it is chosen then. */
export async function addClass(session, name, options) {
  try {
    const { added_id, categories } = await postJson("/sdpt/api/classes", { name }, session.workspace);
    session.setClasses(categories);
    chooseClass(session, added_id, options);
    announce(["classes"], null);
    return true;
  } catch (error) {
    session.say(error.message, "bad");
    return false;
  }
}

/** Put a refused change of this person (see conflicts.js) in the place of what is stored. */
export function putMine(session, { op }) {
  if (op.kind === "note") {
    session.run([{ kind: "note", text: op.text, expected: session.state.image.comment }]);
    session.touch();
    return;
  }
  const stored = session.state.boxes.get(op.uid);
  if (!op.mine) {
    if (stored) session.perform(deleting(stored));
    return;
  }
  const category_id = session.categoryById.has(op.mine.category_id) ? op.mine.category_id : session.currentClass;
  const wanted = { box: op.mine.box, category_id };
  session.perform(stored ? changing(stored, wanted) : creating(wanted.box, category_id, op.uid));
  session.select(boxKey(op.uid));
}
