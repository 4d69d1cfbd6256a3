// The images of the list in a row that can be scrolled; only what is in sight is in the page.

import { thumbUrl } from "./api.js";
import { h, oncePerFrame } from "./dom.js";

const STEP_PX = 76; // thumb and gap; see canvas.css
const SPARE = 6;

export function filmstrip(session) {
  const row = h("div", { class: "sdpt-strip-row" });
  const strip = h("div", { class: "sdpt-strip", role: "group", "aria-label": "Images of the list", "data-testid": "canvas-strip" }, row);
  const thumbs = new Map();
  const update = oncePerFrame(async () => {
    const { ids } = session.list;
    const from = Math.max(Math.floor(strip.scrollLeft / STEP_PX) - SPARE, 0);
    const to = Math.min(from + Math.ceil(strip.clientWidth / STEP_PX) + 2 * SPARE, ids.length);
    row.style.width = `${ids.length * STEP_PX - 4}px`;
    draw(ids, from, to);
    try {
      if (to > from && (await session.cards.need(ids, from, to - 1))) draw(ids, from, to);
    } catch {
      // the next change asks again; the banner already says that the server is away
    }
  });
  const draw = (ids, from, to) => {
    const wanted = ids.slice(from, to).map((id, i) => {
      const said = JSON.stringify([session.cards.byId.get(id), id === session.imageId]);
      let entry = thumbs.get(id);
      if (entry?.said !== said) entry = { said, element: thumb(session, id) };
      thumbs.set(id, entry);
      entry.element.style.left = `${(from + i) * STEP_PX}px`;
      return entry.element;
    });
    if (wanted.length !== row.children.length || wanted.some((e, i) => row.children[i] !== e)) row.replaceChildren(...wanted);
    if (thumbs.size > 400) for (const id of thumbs.keys()) if (!ids.slice(from, to).includes(id)) thumbs.delete(id);
  };
  const centre = () => {
    const index = session.list.indexOf(session.imageId);
    if (index >= 0) strip.scrollLeft = index * STEP_PX - (strip.clientWidth - STEP_PX) / 2;
    update();
  };
  session.addEventListener("list", update);
  session.addEventListener("image", () => {
    update();
    requestAnimationFrame(centre); // the row must have its width first
  });
  strip.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(centre).observe(strip);
  strip.addEventListener("wheel", (event) => {
    if (event.deltaX || !event.deltaY) return;
    event.preventDefault();
    strip.scrollLeft += event.deltaY;
  }, { passive: false });
  return strip;
}

function thumb(session, id) {
  const card = session.cards.byId.get(id);
  const state = stateOf(card);
  const isHere = id === session.imageId;
  const said = [card?.relative_path ?? `image ${id}`, state, card?.is_flagged ? "flagged" : "", card?.comment ?? ""];
  const text = said.filter(Boolean).join(", ");
  return h(
    "button",
    { type: "button", class: `sdpt-thumb${isHere ? " is-here" : ""}`, title: text, "aria-label": text,
      "aria-current": isHere ? "true" : null, tabindex: -1, data: { state },
      on: { click: () => session.goTo(id), mousedown: (e) => e.preventDefault() } },
    card ? h("img", { src: thumbUrl(card), alt: "", loading: "lazy", draggable: "false" }) : null,
    card?.is_flagged ? h("span", { class: "sdpt-thumb-flag" }, "⚑") : null,
    card && (card.num_boxes || card.num_pending || card.comment)
      ? h("span", { class: "sdpt-badge" }, numbers(card), card.comment ? " ✎" : null)
      : null,
  );
}

const numbers = ({ num_boxes: boxes, num_pending: pending }) => (pending ? `${boxes}+${pending}` : String(boxes || ""));

function stateOf(card) {
  if (card?.is_reviewed) return card.num_boxes ? "done" : "has none";
  return card?.is_skipped ? "skipped" : card?.num_boxes ? "begun" : "";
}
