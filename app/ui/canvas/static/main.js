// Puts a canvas together: one save queue and one undo history per page, one session per canvas.

import { getJson } from "./api.js";
import { h } from "./dom.js";
import { History } from "./history.js";
import { Keyboard } from "./keys.js";
import { classBar, filmstrip, helpOverlay, sideList, topBar } from "./panels.js";
import { SaveQueue } from "./queue.js";
import { announce, Session } from "./session.js";
import { Stage } from "./stage.js";

const TOAST_MS = 4500;
const NOTHING = {
  label: "No image fits this filter.",
  review: "Nothing waits for review. Pre-label in Tune, or label more images.",
};

let shared = null; // the promise of {queue, history}, made by the first canvas of the page

function pageParts() {
  shared ??= getJson("/sdpt/api/session").then(({ workspace }) => ({
    workspace, queue: new SaveQueue(workspace), history: new History(workspace),
  }));
  return shared;
}

/** Fill `host` with a canvas. mode: "label" (images by filter) or "review" (the queue of proposals). */
export async function mount(host, { mode }) {
  if (host.dataset.isMounted) return;
  host.dataset.isMounted = "yes";
  const { workspace, queue, history } = await pageParts();
  const session = new Session({ mode, workspace, queue, history });
  const stage = new Stage(session);
  const help = helpOverlay(() => (help.hidden = true));
  const bar = topBar(session, stage, queue, { onHelp: () => (help.hidden = !help.hidden) });
  const toast = h("div", { class: "sdpt-toast", role: "status", hidden: true });
  host.replaceChildren(
    bar.element, classBar(session),
    h("div", { class: "sdpt-body" }, h("div", { class: "sdpt-middle" }, stage.element, help, toast), sideList(session)),
    filmstrip(session),
  );
  session.addEventListener("say", ({ detail }) => show(toast, detail));
  session.addEventListener("finished", () => refresh(session, stage));
  listenToQueue(session, queue, history);
  new Keyboard(actionsOf(session, stage, bar, help));
  await refreshWhenSeen(session, stage);
}

function listenToQueue(session, queue, history) {
  queue.addEventListener("saved", ({ detail: { imageId, document, kinds } }) => {
    session.adopt(document);
    if (session.mode === "label") announce(kinds, imageId); // once per page, not once per canvas
  });
  queue.addEventListener("added", () => session.reload());
  queue.addEventListener("refused", ({ detail: { imageId, error } }) => {
    history.forget(imageId);
    session.loader.forget(imageId);
    if (imageId !== session.imageId) return;
    session.say(error.message, "bad");
    session.reload();
  });
  queue.addEventListener("foreign", ({ detail }) => session.say(detail.message, "bad"));
}

/** Load the lists when the canvas comes into sight, and again when others have changed something. */
async function refreshWhenSeen(session, stage) {
  let isStale = true;
  const look = async () => {
    if (!isStale || !stage.isVisible) return;
    isStale = false;
    await refresh(session, stage);
  };
  new ResizeObserver(look).observe(stage.element);
  addEventListener("sdpt:changed", ({ detail }) => {
    if (detail?.source === "canvas" && !detail.kinds.includes("classes")) return;
    isStale = true;
    look();
  });
  await look();
}

/** The image of an address with ?image=ID, once: after that the address is plain again. */
function imageNamedByAddress(mode) {
  const asked = new URLSearchParams(location.search);
  const id = Number(asked.get("image"));
  if (mode !== "label" || !Number.isInteger(id) || id < 1) return null;
  asked.delete("image");
  window.history.replaceState(null, "", `${location.pathname}${asked.size ? `?${asked}` : ""}`);
  return id;
}

async function refresh(session, stage) {
  try {
    await session.refreshClasses();
    await session.refreshList();
    const named = imageNamedByAddress(session.mode);
    if (named) await session.goTo(named);
    else if (session.list.indexOf(session.imageId) >= 0) await session.reload();
    else await session.goToFirst();
    if (!session.list.ids.length) stage.tell(session.list.message ?? NOTHING[session.mode]);
  } catch (error) {
    session.say(error.message, "bad");
  }
}

function show(toast, { text, level }) {
  toast.textContent = text;
  toast.dataset.level = level;
  toast.hidden = false;
  clearTimeout(Number(toast.dataset.timer));
  toast.dataset.timer = setTimeout(() => (toast.hidden = true), TOAST_MS);
}

function actionsOf(session, stage, bar, help) {
  const { tool } = stage;
  return {
    isVisible: () => stage.isVisible,
    hasItems: () => session.items().length > 0,
    hasSelection: () => session.selected !== null,
    cycle: (step) => session.cycle(step),
    chooseDigit: (digit) => session.chooseDigit(digit),
    remove: () => session.remove(),
    escape: () => {
      if (!help.hidden) help.hidden = true;
      else if (!tool.cancel()) session.select(null);
    },
    done: () => session.done(),
    none: () => session.none(),
    skip: () => session.skip(),
    next: () => session.next(),
    previous: () => session.previous(),
    reject: () => session.reject(),
    undo: () => session.undo(),
    redo: () => session.redo(),
    nudge: (dx, dy) => session.nudge(dx, dy),
    grow: (dx, dy) => session.grow(dx, dy),
    toggleProposals: () => session.toggleProposals(),
    toggleHelp: () => (help.hidden = !help.hidden),
    search: () => bar.focusSearch(),
    fit: () => stage.fit(),
    actualSize: () => stage.actualSize(),
    zoomIn: () => stage.zoom(1.4),
    zoomOut: () => stage.zoom(1 / 1.4),
    spaceDown: () => tool.setSpace(true),
    spaceLost: () => tool.setSpace(false),
    spaceUp: (isShift) => {
      const didPan = tool.didPanWithSpace;
      tool.setSpace(false);
      if (didPan) return;
      if (isShift) session.acceptAll();
      else session.accept();
    },
  };
}
