// Every command that a key can mean, by the names of keymap.js.

import { pickClass, goToImage, writeComment } from "./dialogs.js";
import { bringEdge, chooseDigit, copyFromPrevious, duplicate, nudge, pull, remove } from "./editing.js";
import { openTab } from "./page.js";
import { accept, acceptAll, reject, rejectRest, setMinScore, toggleProposals, togglePeek } from "./judging.js";
import { WAYS } from "./tools.js";
import { done, next, none, previous, skip, toggleDone, toggleFlag } from "./walking.js";

const DUPLICATE_PX = 12; // on the screen
const SCORE_STEP = 0.05;
const WAY_STORE = "sdpt.way";
const WAY_SAID = {
  drag: "Boxes are drawn by dragging.",
  points: "Click the four outermost points of an object; dragging still works, and B draws with the keyboard.",
  pointing: "Click on the middle of an object (B: with the keyboard): its box is found; Q brings the next guess. Dragging still draws.",
};

export function actionsOf({ session, stage, host, bar, toggleHelp }) {
  const { tool, pen } = stage;
  const onWay = [];
  const setWay = (way) => {
    tool.setWay(way);
    localStorage.setItem(WAY_STORE, way);
    for (const tell of onWay) tell(way);
  };
  const toggleWay = (way) => {
    setWay(tool.way === way ? "drag" : way);
    session.say(WAY_SAID[tool.way]);
  };
  /** Walk on once every click has its box, at once where none waits; not if the person has left the image meanwhile. */
  const once = async (walk) => {
    const id = session.imageId;
    if (tool.pointing.waiting.length) {
      session.say("Waiting for the boxes of the last clicks.");
      await tool.pointing.settled();
    }
    if (session.imageId === id) walk();
  };
  /** Where the pointer is now, though the view may have moved under it. */
  const pointer = () => session.pointer && stage.view.toImage(session.pointer.sx, session.pointer.sy);
  return {
    isVisible: () => stage.isVisible,
    hasItems: () => session.items().length > 0,
    hasSelection: () => session.selected !== null,
    cycle: (step) => session.cycle(step),
    // While the pen is out, the class is that of the box to come, and the finished one that is still selected keeps its own.
    chooseDigit: (digit) => chooseDigit(session, digit, { forNext: pen.isOut }),
    escape: () => {
      const isOnControl = host.contains(document.activeElement) && !stage.hasFocus;
      if (!isOnControl && !tool.cancel()) session.select(null);
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
    points: () => toggleWay("points"),
    /** Who asks for it by a key, and has no pointer on the image, points with the pen. */
    pointing: ({ isByKey = false } = {}) => {
      toggleWay("pointing");
      if (isByKey && tool.way === "pointing" && !session.pointer) pen.takeOut();
    },
    /** Hear of the way to draw, one of WAYS, and of the choice that this browser keeps. */
    onWay: (tell) => {
      onWay.push(tell);
      const kept = localStorage.getItem(WAY_STORE);
      setWay(WAYS.includes(kept) ? kept : "drag");
    },
    another: () => tool.pointing.another(),
    edge: () => bringEdge(session, pen.point ?? pointer()),
    pick: () => pickClass(host, session, { forNext: pen.isOut }),
    duplicate: () => duplicate(session, DUPLICATE_PX / stage.view.scale),
    copyPrevious: () => copyFromPrevious(session),
    remove: () => remove(session),
    undo: () => session.undo(),
    redo: () => session.redo(),
    accept: () => accept(session),
    reject: () => reject(session),
    rejectRest: () => rejectRest(session),
    acceptAll: () => acceptAll(session),
    lowerScore: () => setMinScore(session, session.shown.minScore - SCORE_STEP),
    raiseScore: () => setMinScore(session, session.shown.minScore + SCORE_STEP),
    toggleProposals: () => toggleProposals(session),
    done: () => once(() => done(session)),
    toggleDone: () => once(() => toggleDone(session)),
    none: () => once(() => none(session)),
    skip: () => once(() => skip(session)),
    next: () => once(() => next(session)),
    previous: () => once(() => previous(session)),
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
    help: () => toggleHelp(),
  };
}
