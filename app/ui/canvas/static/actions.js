// Every command that a key can mean, by the names of keymap.js.

import { pickClass, goToImage, writeComment } from "./dialogs.js";
import { chooseDigit, copyFromPrevious, duplicate, nudge, pull, remove } from "./editing.js";
import { openTab } from "./page.js";
import { accept, acceptAll, reject, setMinScore, toggleProposals, togglePeek } from "./judging.js";
import { done, next, none, previous, skip, toggleFlag } from "./walking.js";

const DUPLICATE_PX = 12; // on the screen
const SCORE_STEP = 0.05;
const POINTS_STORE = "sdpt.points";

export function actionsOf({ session, stage, host, bar, toggleHelp }) {
  const { tool, pen } = stage;
  const onPoints = [];
  const setPoints = (isOn) => {
    tool.setPoints(isOn);
    localStorage.setItem(POINTS_STORE, isOn ? "yes" : "no");
    for (const tell of onPoints) tell(isOn);
  };
  return {
    isVisible: () => stage.isVisible,
    hasItems: () => session.items().length > 0,
    hasSelection: () => session.selected !== null,
    cycle: (step) => session.cycle(step),
    chooseDigit: (digit) => chooseDigit(session, digit),
    escape: () => {
      if (!tool.cancel()) session.select(null);
      stage.focus();
    },
    nudge: (dx, dy) => nudge(session, dx, dy),
    pull: (handle, dx, dy) => pull(session, handle, dx, dy),
    pan: (dx, dy) => stage.pan(dx, dy),
    startPanning: () => tool.setSpace(true),
    /** Whether the space bar was used to pan. */
    endPanning: () => {
      const didPan = tool.didPanWithSpace;
      tool.setSpace(false);
      return didPan;
    },

    pen: () => (pen.isOut ? pen.putAway() : pen.takeOut()),
    points: () => {
      setPoints(!tool.usesPoints);
      session.say(tool.usesPoints ? "Click the four outermost points of an object; dragging still works." : "Boxes are drawn by dragging.");
    },
    /** Hear of it, and of the choice that this browser keeps. */
    onPoints: (tell) => {
      onPoints.push(tell);
      setPoints(localStorage.getItem(POINTS_STORE) === "yes");
    },
    pick: () => pickClass(host, session),
    duplicate: () => duplicate(session, DUPLICATE_PX / stage.view.scale),
    copyPrevious: () => copyFromPrevious(session),
    remove: () => remove(session),
    undo: () => session.undo(),
    redo: () => session.redo(),
    accept: () => accept(session),
    reject: () => reject(session),
    acceptAll: () => acceptAll(session),
    lowerScore: () => setMinScore(session, session.shown.minScore - SCORE_STEP),
    raiseScore: () => setMinScore(session, session.shown.minScore + SCORE_STEP),
    toggleProposals: () => toggleProposals(session),
    done: () => done(session),
    none: () => none(session),
    skip: () => skip(session),
    next: () => next(session),
    previous: () => previous(session),
    flag: () => toggleFlag(session),
    comment: () => writeComment(host, session),
    goTo: () => goToImage(host, session),
    search: () => bar().focusSearch(),
    fit: () => stage.fit(),
    actualSize: () => stage.actualSize(),
    zoomIn: () => stage.zoom(1.4),
    zoomOut: () => stage.zoom(1 / 1.4),
    peek: () => togglePeek(session),
    controls: () => bar().focusFirst(),
    tune: () => openTab("Tune"),
    review: () => openTab(session.mode === "review" ? "Label" : "Review"),
    help: toggleHelp,
  };
}
