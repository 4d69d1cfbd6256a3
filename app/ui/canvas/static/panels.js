// What surrounds the stage: the bar above, the classes, the list of boxes, the filmstrip.

import { thumbUrl } from "./api.js";
import { button, h, inkOn, oncePerFrame } from "./dom.js";
import { KEY_HELP } from "./keys.js";
import { saveState } from "./queue.js";

const FILTERS = [
  ["all", "All images"], ["unlabelled", "Without boxes"], ["labelled", "With boxes"],
  ["unreviewed", "Not done"], ["reviewed", "Done"], ["with_proposals", "With proposals"], ["skipped", "Skipped"], ["suggested", "Suggested next"],
];
const MOST_ROWS = 300;
const STRIP_SIDE = 12;

/** The bar above: walking, what is shown, whether it is saved. */
export function topBar(session, stage, queue, { onHelp }) {
  const name = h("span", { class: "sdpt-name", "data-testid": "canvas-filename" });
  const place = h("span", { class: "sdpt-aside", "data-testid": "canvas-position" });
  const saved = h("span", { class: "sdpt-saved", role: "status", "data-testid": "canvas-save-state" });
  const done = button("Done", {
    title: "This image is done, or open again (Enter: done and next)", class: "sdpt-toggle",
    "data-testid": "canvas-done", onClick: () => session.toggleDone(),
  });
  const search = h("input", { type: "search", placeholder: "Find by name", "aria-label": "Find image by name",
    "data-testid": "canvas-search" });
  const filter = h("select", { "aria-label": "Which images", "data-testid": "canvas-filter" },
    ...FILTERS.map(([value, text]) => h("option", { value }, text)));
  const apply = () => session.setFilter(filter.value, search.value).catch((e) => session.say(e.message, "bad"));
  let timer = 0;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 250); });
  search.addEventListener("keydown", (e) => ["Enter", "Escape"].includes(e.key) && search.blur());
  filter.addEventListener("change", () => { apply(); filter.blur(); });
  const small = (text, title, onClick, testid) =>
    button(text, { title, onClick, class: "sdpt-small", "data-testid": testid });

  const update = () => {
    const image = session.state?.image;
    name.textContent = image?.relative_path ?? "";
    name.title = image ? `${image.relative_path} (${image.width} × ${image.height})` : "";
    const index = session.list.indexOf(session.imageId);
    const total = session.list.ids.length;
    place.textContent = total ? `${index >= 0 ? index + 1 : "–"} of ${total}` : "";
    done.classList.toggle("is-on", Boolean(image?.is_reviewed));
    done.setAttribute("aria-pressed", String(Boolean(image?.is_reviewed)));
    done.disabled = !image;
  };
  const updateSaved = () => {
    const { text, level } = saveState(queue);
    saved.textContent = text;
    saved.dataset.level = level;
  };
  for (const event of ["image", "boxes", "list"]) session.addEventListener(event, update);
  queue.addEventListener("status", updateSaved);
  updateSaved();
  const element = h(
    "div", { class: "sdpt-top" },
    small("◀", "Previous image (A)", () => session.previous(), "canvas-prev"),
    small("▶", "Next image (D)", () => session.next(), "canvas-next"),
    place, name, saved,
    h("span", { class: "sdpt-space" }),
    session.mode === "label" ? filter : null,
    session.mode === "label" ? search : null,
    small("↶", "Undo (Ctrl Z)", () => session.undo(), "canvas-undo"),
    small("↷", "Redo (Ctrl Y)", () => session.redo(), "canvas-redo"),
    small("−", "Zoom out", () => stage.zoom(1 / 1.4), "canvas-zoom-out"),
    small("+", "Zoom in", () => stage.zoom(1.4), "canvas-zoom-in"),
    small("Fit", "Fit the image (F)", () => stage.fit(), "canvas-fit"),
    small("1:1", "Original size (O)", () => stage.actualSize(), "canvas-actual"),
    small("Skip", "Put this image aside (S)", () => session.skip(), "canvas-skip"),
    done,
    button("Done, next", { title: "Done, go to the next image (Enter)", class: "sdpt-primary",
      "data-testid": "canvas-done-next", onClick: () => session.done() }),
    small("?", "Keys", onHelp, "canvas-help"),
  );
  return { element, focusSearch: () => search.focus() };
}

/** Classes with their digits; the pressed one is drawn next. */
export function classBar(session) {
  const chips = h("div", { class: "sdpt-chips", role: "group", "aria-label": "Classes" });
  const input = h("input", { placeholder: "New class…", "aria-label": "New class", maxlength: 200,
    "data-testid": "canvas-new-class" });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") input.blur();
    if (event.key !== "Enter" || !input.value.trim()) return;
    if (await session.addClass(input.value)) {
      input.value = "";
      input.blur();
    }
  });
  const update = () => {
    chips.replaceChildren(...session.categories.map((category, index) => {
      const digit = index < 9 ? String(index + 1) : index === 9 ? "0" : null;
      const isOn = category.id === session.currentClass;
      return button(
        category.name,
        { title: digit ? `${category.name} (key ${digit})` : category.name,
          class: isOn ? "sdpt-chip-button is-on" : "sdpt-chip-button", "aria-pressed": String(isOn),
          "data-testid": `canvas-class-${category.name}`,
          style: { "--class-color": category.color, "--class-ink": inkOn(category.color) },
          onClick: () => session.chooseClass(category.id) },
        digit ? h("kbd", {}, digit) : null,
      );
    }));
  };
  session.addEventListener("classes", update);
  session.addEventListener("needclass", () => input.focus());
  return h("div", { class: "sdpt-classes" }, chips, input);
}

/** Every box and proposal of the image as a row. */
export function sideList(session) {
  const title = h("div", { class: "sdpt-side-title", "data-testid": "canvas-counts" });
  const rows = h("div", { class: "sdpt-rows", role: "list" });
  const all = button("Accept all shown", { title: "Accept all shown proposals (Shift Space)", class: "sdpt-wide",
    "data-testid": "canvas-accept-all", onClick: () => session.acceptAll() });
  const none = button("Has none", { title: "Nothing of any class is here: reject all, done, next (N)",
    class: "sdpt-wide", "data-testid": "canvas-none", onClick: () => session.none() });
  const least = h("input", { type: "range", min: 0, max: 95, step: 5, value: Math.round(session.minScore * 100), "aria-label": "Lowest score shown",
    "data-testid": "canvas-min-score" });
  const leastText = h("output", {}, session.minScore.toFixed(2));
  least.addEventListener("input", () => {
    leastText.textContent = (least.value / 100).toFixed(2);
    session.setMinScore(least.value / 100);
  });
  least.addEventListener("change", () => least.blur());
  const scores = h("label", { class: "sdpt-scores" }, "Scores from", least, leastText);
  const update = oncePerFrame(() => {
    const items = session.state ? session.items() : [];
    const proposals = items.filter((item) => item.isProposal).length;
    const boxes = items.length - proposals;
    title.textContent = `${boxes} ${boxes === 1 ? "box" : "boxes"}, ${proposals} proposals`;
    const hasProposals = (session.state?.proposals.size ?? 0) > 0;
    for (const part of [all, scores]) part.hidden = !hasProposals;
    none.hidden = !session.state || boxes > 0;
    rows.replaceChildren(...items.slice(0, MOST_ROWS).map((item) => row(session, item)));
    rows.querySelector(".is-selected")?.scrollIntoView({ block: "nearest" });
  });
  for (const event of ["boxes", "image", "classes"]) session.addEventListener(event, update);
  return h("aside", { class: "sdpt-side" }, title, scores, all, none, rows);
}

function row(session, item) {
  const { name, color } = session.category(item.category_id);
  const act = (run) => (event) => {
    event.stopPropagation();
    session.select(item.key);
    run();
  };
  const isSelected = item.key === session.selection;
  return h(
    "div",
    { class: `sdpt-row${isSelected ? " is-selected" : ""}${item.isProposal ? " is-proposal" : ""}`, role: "listitem",
      "data-testid": item.isProposal ? `proposal-${item.id}` : `box-${item.uid}`,
      on: { click: () => session.select(item.key), mouseenter: () => session.hover(item.key),
        mouseleave: () => session.hover(null) } },
    h("i", { style: { background: color } }),
    h("span", { class: "sdpt-row-name", title: name }, name),
    item.isProposal ? h("span", { class: "sdpt-aside" }, item.score.toFixed(2)) : h("span", { class: "sdpt-aside" }, item.origin),
    item.isProposal
      ? button("✓", { title: `Accept this ${name}`, class: "sdpt-icon is-good", "data-testid": "proposal-accept",
        onClick: act(() => session.accept()) })
      : null,
    button("✕", { title: item.isProposal ? `Reject this ${name}` : `Delete this ${name}`, class: "sdpt-icon is-bad",
      "data-testid": item.isProposal ? "proposal-reject" : "box-delete",
      onClick: act(() => (item.isProposal ? session.reject() : session.remove())) }),
  );
}

/** The images around the shown one. */
export function filmstrip(session) {
  const strip = h("div", { class: "sdpt-strip", "aria-label": "Images" });
  const update = oncePerFrame(async () => {
    const here = Math.max(session.list.indexOf(session.imageId), 0);
    const from = Math.max(0, Math.min(here - STRIP_SIDE, session.list.ids.length - 2 * STRIP_SIDE - 1));
    const ids = session.list.ids.slice(from, from + 2 * STRIP_SIDE + 1);
    show(ids);
    try {
      if (await session.cards.need(session.list.ids, from, from + ids.length)) show(ids);
    } catch {
      // the next change asks again; the save state already says that the server is away
    }
  });
  const show = (ids) => {
    strip.replaceChildren(...ids.map((id) => thumb(session, id)));
    strip.querySelector(".is-here")?.scrollIntoView({ block: "nearest", inline: "center" });
  };
  for (const event of ["image", "list"]) session.addEventListener(event, update);
  return strip;
}

function thumb(session, id) {
  const card = session.cards.byId.get(id);
  const state = card?.is_reviewed ? "done" : card?.is_skipped ? "skipped" : card?.num_boxes ? "begun" : "";
  const isHere = id === session.imageId;
  return h(
    "button",
    { type: "button", class: `sdpt-thumb${isHere ? " is-here" : ""}`, title: card?.relative_path ?? "",
      "aria-label": `${card?.relative_path ?? id} ${state}`, "aria-current": isHere ? "true" : null, tabindex: -1,
      data: { state }, on: { click: () => session.goTo(id), mousedown: (e) => e.preventDefault() } },
    card ? h("img", { src: thumbUrl(card), alt: "", loading: "lazy", draggable: "false" }) : null,
    card && (card.num_boxes || card.num_pending)
      ? h("span", { class: "sdpt-badge" }, card.num_pending ? `${card.num_boxes}+${card.num_pending}` : card.num_boxes)
      : null,
  );
}

/** The table of keys over the stage. */
export function helpOverlay(onClose) {
  const groups = KEY_HELP.map(([title, keys]) =>
    h("section", {}, h("h3", {}, title),
      h("dl", {}, ...keys.flatMap(([key, what]) => [h("dt", {}, key), h("dd", {}, what)]))));
  return h("div", { class: "sdpt-help", hidden: true, role: "dialog", "aria-label": "Keys", "data-testid": "canvas-keys",
    on: { click: onClose } }, ...groups);
}
