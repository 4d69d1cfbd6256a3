// Every box and proposal of the image as a row, what is said of the image, and what of it is shown.

import { button, h, oncePerFrame } from "./dom.js";
import { remove } from "./editing.js";
import { accept, acceptAll, reject, setMinScore } from "./judging.js";
import { shownPanel } from "./shownpanel.js";
import { none, toggleFlag } from "./walking.js";

const MOST_ROWS = 600;

/** actions: {comment()}. */
export function sideList(session, actions) {
  const title = h("div", { class: "sdpt-side-title", "data-testid": "canvas-counts" });
  const rows = h("div", { class: "sdpt-rows", role: "list", "aria-label": "Boxes" });
  const all = button("Accept all", { title: "Accept all shown proposals", command: "acceptAll", class: "sdpt-wide",
    "data-testid": "canvas-accept-all", onClick: () => acceptAll(session) });
  const nothing = button("Has none", { title: "Nothing of any class is here: reject all, done, next", command: "none",
    class: "sdpt-wide", "data-testid": "canvas-none", onClick: () => none(session) });
  const known = new Map(); // rows by key, made again only when what they say has changed
  const update = oncePerFrame(() => {
    const items = session.items();
    const proposals = items.filter((item) => item.isProposal).length;
    const boxes = items.length - proposals;
    title.textContent = `${boxes} ${boxes === 1 ? "box" : "boxes"}, ${proposals} ${proposals === 1 ? "proposal" : "proposals"}`;
    const from = session.shown.minScore;
    const whole = proposals === 1 ? "Accept it" : `Accept all ${proposals}`;
    all.firstChild.textContent = from ? `Accept ${proposals} from ${from.toFixed(2)} on` : whole;
    all.hidden = proposals === 0;
    nothing.hidden = !session.state || session.state.boxes.size > 0;
    fill(rows, known, session, items.slice(0, MOST_ROWS));
  });
  for (const event of ["boxes", "image", "classes"]) session.addEventListener(event, update);
  return h("aside", { class: "sdpt-side", "aria-label": "This image" }, title, marks(session, actions),
    scoreSlider(session), all, nothing, shownPanel(session), rows);
}

function fill(rows, known, session, items) {
  const wanted = items.map((item) => {
    const said = JSON.stringify([item.category_id, session.category(item.category_id), item.score, item.origin]);
    let entry = known.get(item.key);
    if (entry?.said !== said) entry = { said, element: row(session, item) };
    known.set(item.key, entry);
    entry.element.classList.toggle("is-selected", item.key === session.selection);
    if (item.key === session.selection) entry.element.setAttribute("aria-current", "true");
    else entry.element.removeAttribute("aria-current");
    return entry.element;
  });
  const isSame = wanted.length === rows.children.length && wanted.every((element, i) => rows.children[i] === element);
  if (!isSame) {
    rows.replaceChildren(...wanted);
    const keys = new Set(items.map((item) => item.key));
    for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
  }
  rows.querySelector(".is-selected")?.scrollIntoView({ block: "nearest" });
}

function marks(session, actions) {
  const flag = button("Flag", { title: "Flag this image, or take the flag off", command: "flag", class: "sdpt-toggle", "data-testid": "canvas-flag",
    onClick: () => toggleFlag(session) });
  const comment = button("Comment", { title: "Write a comment on this image", command: "comment", "data-testid": "canvas-comment", onClick: actions.comment });
  const text = h("p", { class: "sdpt-comment", hidden: true, "data-testid": "canvas-comment-shown" });
  const update = () => {
    const image = session.state?.image;
    flag.classList.toggle("is-on", Boolean(image?.is_flagged));
    flag.setAttribute("aria-pressed", String(Boolean(image?.is_flagged)));
    text.textContent = image?.comment ?? "";
    text.hidden = !image?.comment;
    for (const part of [flag, comment]) part.disabled = !image;
  };
  for (const event of ["boxes", "image"]) session.addEventListener(event, update);
  return h("div", { class: "sdpt-marks" }, flag, comment, text);
}

function scoreSlider(session) {
  const least = h("input", { type: "range", min: 0, max: 95, step: 5, "aria-label": "Lowest score shown",
    "data-testid": "canvas-min-score" });
  const text = h("output", {});
  const element = h("label", { class: "sdpt-scores" }, "Scores from", least, text);
  least.addEventListener("input", () => setMinScore(session, least.value / 100));
  least.addEventListener("change", () => least.blur());
  const update = () => {
    least.value = String(Math.round(session.shown.minScore * 100));
    text.textContent = session.shown.minScore.toFixed(2);
    element.hidden = !session.state?.proposals.size;
  };
  for (const event of ["boxes", "image"]) session.addEventListener(event, update);
  update();
  return element;
}

function row(session, item) {
  const { name, color } = session.category(item.category_id);
  const about = item.isProposal ? item.score.toFixed(2) : item.origin;
  const act = (run) => (event) => {
    event.stopPropagation();
    session.select(item.key);
    run(session);
  };
  return h(
    "div",
    { class: `sdpt-row${item.isProposal ? " is-proposal" : ""}`, role: "listitem",
      "data-testid": item.isProposal ? `proposal-${item.id}` : `box-${item.uid}`,
      on: { click: () => session.select(item.key), mouseenter: () => session.hover(item.key),
        mouseleave: () => session.hover(null) } },
    h("i", { style: { background: color } }),
    h("span", { class: "sdpt-row-name", title: name }, name),
    h("span", { class: "sdpt-aside" }, about),
    item.isProposal
      ? button("✓", { title: `Accept this ${name} (${about})`, class: "sdpt-icon is-good", "data-testid": "proposal-accept", onClick: act(accept) })
      : null,
    button("✕", { title: item.isProposal ? `Reject this ${name} (${about})` : `Delete this ${name} (${about})`, class: "sdpt-icon is-bad",
      "data-testid": item.isProposal ? "proposal-reject" : "box-delete", onClick: act(item.isProposal ? reject : remove) }),
  );
}
