// What a person says about proposals: take, throw away, take all that are shown.

import { accepting, deleting, rejecting, together } from "./model.js";

/** With a box selected that was just corrected, or with nothing: go to the first one that waits, and judge nothing. */
export function accept(session) {
  const [first] = session.state ? session.proposals() : [];
  if (first && !session.selected?.isProposal) {
    session.select(first.key);
    session.emit("reveal");
  } else judge(session, accepting);
}

/** Also takes away a box of a person, when one is selected. */
export function reject(session) {
  const item = session.selected;
  if (item && !item.isProposal) {
    session.perform(deleting(item));
    session.select(null);
  } else judge(session, rejecting);
}

function judge(session, makeStep) {
  if (!session.state) return;
  const waiting = session.proposals();
  const at = waiting.findIndex((p) => p.key === session.selection);
  if (at < 0) {
    session.say(waiting.length ? "Select a box or proposal first: Tab, or click it." : "There are no proposals to judge on this image.");
    return;
  }
  session.perform(makeStep(waiting[at]));
  const rest = session.proposals();
  session.select(rest[Math.min(at, rest.length - 1)]?.key ?? null);
  session.emit("reveal");
}

/** Every proposal at or above the threshold whose class is shown. */
export function acceptAll(session) {
  judgeAll(session, accepting, "accept");
}

/** Every proposal that is still shown: what was right has been taken. */
export function rejectRest(session) {
  judgeAll(session, rejecting, "reject");
}

function judgeAll(session, makeStep, verb) {
  if (!session.state) return;
  const waiting = session.proposals();
  if (!waiting.length) {
    session.say(`There are no shown proposals to ${verb}.`);
    return;
  }
  session.perform(together(waiting.map(makeStep)));
  session.select(null);
  session.say(`${waiting.length} ${waiting.length === 1 ? "proposal" : "proposals"} ${verb}ed. Ctrl+Z takes it back.`);
}

export function setMinScore(session, score) {
  session.shown.minScore = Math.min(Math.max(Math.round(score * 100) / 100, 0), 0.95);
  session.touch();
}

export function toggleProposals(session) {
  session.shown.toggleSource("proposal");
  session.say(session.shown.hasProposals ? "Proposals are shown." : "Proposals are hidden.");
  session.touch();
}

export function togglePeek(session) {
  session.shown.isPeeking = !session.shown.isPeeking;
  session.say(session.shown.isPeeking ? "All boxes are hidden." : "Boxes are shown.");
  session.touch();
}
