// Puts a canvas together: one save queue and one undo history per page, one session per canvas.

import { actionsOf } from "./actions.js";
import { getJson } from "./api.js";
import { conflictBanner, troubleBanner } from "./banner.js";
import { classBar } from "./classbar.js";
import { Conflicts, isWorthKeeping } from "./conflicts.js";
import { h } from "./dom.js";
import { filmstrip } from "./filmstrip.js";
import { keepHints } from "./hints.js";
import { History } from "./history.js";
import { Keyboard } from "./keys.js";
import { toggleKeys } from "./keysdialog.js";
import { keymap } from "./page.js";
import { SaveQueue } from "./queue.js";
import { startClock } from "./review/clock.js";
import { announce, Session } from "./session.js";
import { sideList } from "./sidelist.js";
import { Stage } from "./stage.js";
import { toolBar } from "./toolbar.js";
import { topBar } from "./topbar.js";
import { goToFirst } from "./walking.js";
import { Watch } from "./watch.js";

const TOAST_MS = 4500;
const NOTHING = {
  label: "No image fits this filter.",
  review: "Nothing waits for review. Pre-label in Tune, or label more images.",
};

let shared = null; // the promise of what the canvases of a page have in common

function pageParts() {
  shared ??= getJson("/sdpt/api/session").then(async ({ workspace }) => {
    startClock(workspace);
    const queue = new SaveQueue(workspace);
    await queue.isReady;
    return { workspace, queue, history: new History(workspace), conflicts: new Conflicts(workspace) };
  });
  return shared;
}

/** Fill `host` with a canvas. mode: "label" (images by filter) or "review" (the queue of proposals). */
export async function mount(host, { mode }) {
  if (host.dataset.isMounted) return;
  host.dataset.isMounted = "yes";
  const { workspace, queue, history, conflicts } = await pageParts();
  const session = new Session({ mode, workspace, queue, history });
  const stage = new Stage(session);
  const watch = new Watch(session, queue, () => stage.isVisible);
  const toggleHelp = () => toggleKeys(host, keymap);
  const bar = topBar(session, queue, watch, { onHelp: toggleHelp, toImage: () => stage.focus() });
  const actions = actionsOf({ session, stage, host, bar: () => bar, toggleHelp });
  const toast = h("div", { class: "sdpt-toast", role: "status", hidden: true });
  const spoken = h("div", { class: "sdpt-spoken", "aria-live": "polite" });
  host.replaceChildren(
    bar.element, toolBar(session, actions), classBar(session, actions),
    h("div", { class: "sdpt-banners" }, h("div", {}, troubleBanner(queue), conflictBanner(session, conflicts))),
    h("div", { class: "sdpt-body" }, h("div", { class: "sdpt-middle" }, stage.element, toast), sideList(session, actions)),
    filmstrip(session), spoken,
  );
  keepHints(host, keymap);
  session.addEventListener("say", ({ detail }) => show(toast, detail));
  session.addEventListener("reveal", () => (spoken.textContent = spokenName(session)));
  session.addEventListener("finished", () => refresh(session, stage));
  listenToQueue(session, queue, { history, conflicts });
  new Keyboard(keymap, actions, stage.pen);
  await refreshWhenSeen(session, stage);
}

function listenToQueue(session, queue, { history, conflicts }) {
  const isFirst = session.mode === "label"; // what concerns the page is done once, not by each canvas
  queue.addEventListener("saved", ({ detail: { imageId, document, kinds } }) => {
    session.adopt(document);
    if (isFirst) announce(kinds, imageId);
  });
  queue.addEventListener("added", () => session.reload());
  queue.addEventListener("refused", ({ detail: { imageId, op, error } }) => {
    if (isFirst) history.forget(imageId);
    if (isFirst && isWorthKeeping(op)) conflicts.add(op, error.message);
    session.loader.forget(imageId);
    if (imageId !== session.imageId) return;
    session.say(error.message, "bad");
    session.reload();
  });
  queue.addEventListener("foreign", ({ detail }) => session.say(detail.message, "bad"));
}

/** What a screen reader says of the box that the keyboard went to. */
function spokenName(session) {
  const item = session.selected;
  if (!item) return "";
  const items = session.items();
  const about = item.isProposal ? `proposal, score ${item.score.toFixed(2)}` : item.origin;
  return `${session.category(item.category_id).name}, ${about}, ${items.indexOf(item) + 1} of ${items.length}`;
}

/** Load the lists when the canvas comes into sight, and again when others have changed something. */
async function refreshWhenSeen(session, stage) {
  let isStale = true;
  let isReordered = false;
  const look = async () => {
    if (!isStale || !stage.isVisible) return;
    const startsAnew = isReordered;
    isStale = isReordered = false;
    await refresh(session, stage, { startsAnew });
  };
  new ResizeObserver(() => {
    takeKeyboardFromTab(stage);
    look();
  }).observe(stage.element);
  addEventListener("sdpt:changed", ({ detail }) => {
    if (detail?.source === "canvas" && !detail.kinds.includes("classes")) return;
    isStale = true;
    isReordered ||= session.mode === "review" && Boolean(detail?.kinds?.includes("order"));
    look();
  });
  await look();
}

/** Who opened the tab works on the image next; as long as the tab's button has the focus, Enter and Space press that. */
function takeKeyboardFromTab(stage) {
  if (stage.isVisible && document.activeElement?.matches("[role=tab]")) stage.focus();
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

/** startsAnew: who chose an order wants what it puts first, not the image that was open. */
async function refresh(session, stage, { startsAnew = false } = {}) {
  try {
    await session.refreshClasses();
    if (!(await session.refreshList())) return;
    const named = imageNamedByAddress(session.mode);
    if (named) await session.goTo(named);
    else if (!startsAnew && session.list.indexOf(session.imageId) >= 0) await session.reload();
    else await goToFirst(session);
    if (!session.list.ids.length) stage.tell(session.list.message ?? NOTHING[session.mode]);
  } catch (error) {
    session.say(error.message, "bad");
  }
}

function show(toast, { text, level }) {
  toast.textContent = text;
  toast.dataset.level = level;
  toast.hidden = !text;
  clearTimeout(Number(toast.dataset.timer));
  if (level !== "lasting") toast.dataset.timer = setTimeout(() => (toast.hidden = true), TOAST_MS);
}
