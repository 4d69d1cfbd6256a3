// The boxes and proposals of one image, and every change of them as a small operation.
//
// One pure function, `reduce`, is used for what a person does, for undo and redo, and for showing changes that
// still wait in the save queue on top of what the server last said.
//
//   {kind: "edit", op: "create"|"update"|"delete", uid, box?, category_id?, base_revision?}
//   {kind: "verdict", verdict: "accepted"|"corrected"|"rejected"|"pending", prediction_id, proposal, uid?, box?, category_id?}
//   {kind: "mark", is_reviewed?, is_skipped?, is_flagged?}
//   {kind: "note", text, expected}

import { newUid } from "./dom.js";

/** {image, boxes: Map uid -> box, proposals: Map id -> proposal} from the server's document. */
export function stateOf(document, pendingOps) {
  const state = {
    image: { ...document.image },
    boxes: new Map(document.annotations.map((a) => [a.uid, a])),
    proposals: new Map(document.proposals.map((p) => [p.id, p])),
  };
  for (const op of pendingOps) reduce(state, op);
  return state;
}

export function reduce(state, op) {
  if (op.kind === "mark") {
    if (op.is_reviewed !== undefined) state.image.is_reviewed = op.is_reviewed;
    if (op.is_skipped !== undefined) state.image.is_skipped = op.is_skipped;
    if (op.is_flagged !== undefined) state.image.is_flagged = op.is_flagged;
  } else if (op.kind === "note") state.image.comment = op.text;
  else if (op.kind === "verdict") reduceVerdict(state, op);
  else if (op.op === "delete") state.boxes.delete(op.uid);
  else {
    const before = state.boxes.get(op.uid) ?? { uid: op.uid, origin: op.origin ?? "drawn", revision: null };
    const change = { box: op.box ?? before.box, category_id: op.category_id ?? before.category_id };
    if (op.op === "create" || state.boxes.has(op.uid)) state.boxes.set(op.uid, { ...before, ...change });
  }
}

function reduceVerdict(state, { verdict, prediction_id, proposal, uid, box, category_id }) {
  if (verdict === "pending") {
    for (const made of [...state.boxes.values()]) {
      if (made.prediction_id === prediction_id) state.boxes.delete(made.uid);
    }
    if (proposal) state.proposals.set(prediction_id, proposal);
    return;
  }
  state.proposals.delete(prediction_id);
  if (verdict === "rejected") return;
  state.boxes.set(uid, { uid, box, category_id, prediction_id, origin: verdict, revision: null });
}

// ---- operations with their inverse: {redo, undo} ----

/** isPointed: the box was found at a click, which the effort meter keeps apart from drawing. */
export function creating(box, category_id, uid = newUid(), { isPointed = false } = {}) {
  const edit = { kind: "edit", op: "create", uid, box, category_id };
  return pair([isPointed ? { ...edit, is_pointed: true } : edit], [{ kind: "edit", op: "delete", uid }]);
}

export function changing(item, change) {
  const edit = { kind: "edit", op: "update", uid: item.uid, base_revision: item.revision };
  const back = Object.fromEntries(Object.keys(change).map((key) => [key, item[key]]));
  return pair([{ ...edit, ...change }], [{ ...edit, ...back }]);
}

export function deleting(item) {
  const { uid, box, category_id, origin } = item;
  return pair([{ kind: "edit", op: "delete", uid }], [{ kind: "edit", op: "create", uid, box, category_id, origin }]);
}

export function accepting(proposal) {
  return judged(proposal, { verdict: "accepted", uid: newUid(), box: proposal.box, category_id: proposal.category_id });
}

export function correcting(proposal, { box = proposal.box, category_id = proposal.category_id }) {
  return judged(proposal, { verdict: "corrected", uid: newUid(), box, category_id });
}

export function rejecting(proposal) {
  return judged(proposal, { verdict: "rejected" });
}

function judged(proposal, verdict) {
  const about = { kind: "verdict", prediction_id: proposal.id, proposal };
  return pair([{ ...about, ...verdict }], [{ ...about, verdict: "pending" }]);
}

function pair(redo, undo) {
  return { redo, undo };
}

/** Several steps that are undone together, in the opposite order. */
export function together(steps) {
  return { redo: steps.flatMap((s) => s.redo), undo: steps.toReversed().flatMap((s) => s.undo) };
}
