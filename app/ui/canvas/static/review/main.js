// The bar above the review canvas: order, duplicates, and the way to thresholds, grid, audit and effort.

import { getJson, postJson } from "../api.js";
import { button, h } from "../dom.js";
import { auditDialog } from "./audit.js";
import { announceReview, seconds } from "./dialog.js";
import { gridDialog } from "./grid.js";
import { meterDialog, stepName } from "./meter.js";
import { thresholdDialog } from "./thresholds.js";

const ORDERS = [ // as the server names it, as a person reads it, what it does
  ["seconds_saved", "Most seconds saved", "The images first on whose proposals most time is saved"],
  ["least_certain", "Least certain", "The images first of which a proposal may as well be right as wrong"],
  ["most_objects", "Most objects", "The images first on which most is proposed"],
  ["one_class", "One class", "Only the images with proposals of one class"],
  ["look_alikes", "Like the last rejected", "The proposals first that look like the one that was rejected last"],
  ["random", "Random", "By lot"],
];
const ADVISE_AFTER = 10; // timed parcels

/** Fill `host` with the bar. */
export async function mount(host) {
  if (host.dataset.isMounted) return;
  host.dataset.isMounted = "yes";
  const { workspace } = await getJson("/sdpt/api/session");
  let state = null;
  const order = h("select", { "aria-label": "Order of the queue", "data-testid": "review-order" },
    ...ORDERS.map(([value, text, title]) => h("option", { value, title }, text)));
  const category = h("select", { "aria-label": "Class of the queue", "data-testid": "review-class" });
  const merging = h("input", { type: "checkbox", "data-testid": "review-merging" });
  const saves = h("span", { class: "sdpt-quiet", "data-testid": "review-saves", title: "What reviewing the proposals that are shown should save against drawing by hand" });
  const reason = h("span");
  const advice = button(reason, { class: "sdpt-hint", "data-testid": "review-advice", hidden: true, onClick: () => dialogs.effort.open() });
  const note = h("span", { class: "sdpt-note", role: "status", "data-testid": "review-note", hidden: true });
  const dialogs = {
    thresholds: thresholdDialog(workspace), grid: gridDialog(workspace, () => state?.categories ?? []),
    audit: auditDialog(workspace), effort: meterDialog(),
  };
  const opener = (name, text, title) => button(text, { title, "data-testid": `open-${name}`, onClick: () => dialogs[name].open() });

  const trying = async (work) => {
    try {
      note.hidden = true;
      await work();
    } catch (error) {
      note.textContent = error.message;
      note.hidden = false;
      if (state) show(state);
    }
  };

  function show(found) {
    state = found;
    order.value = found.order;
    order.title = order.selectedOptions[0].title;
    category.replaceChildren(...found.categories.map((c) => h("option", { value: c.id, selected: c.id === found.category_id }, c.name)));
    category.hidden = found.order !== "one_class";
    merging.checked = found.merges_duplicates;
  }

  async function changed(path, body) {
    show(await postJson(`/sdpt/api/review/${path}`, body, workspace));
    announceReview(path);
  }

  const chooseOrder = () => trying(() => {
    const isOneClass = order.value === "one_class";
    const category_id = isOneClass ? Number(category.value || state.categories[0]?.id) || null : null;
    const seed = order.value === "random" ? Math.floor(Math.random() * 1e6) : 0;
    return changed("order", { order: order.value, category_id, seed });
  });
  order.addEventListener("change", () => { chooseOrder(); order.blur(); });
  category.addEventListener("change", () => { chooseOrder(); category.blur(); });
  merging.addEventListener("change", () => {
    trying(() => changed("merging", { merges_duplicates: merging.checked }));
    merging.blur();
  });

  /** What pays changes with what is known; the canvas hears of it only where it did. */
  async function keepToWhatPays() {
    const found = await postJson("/sdpt/api/review/thresholds/paying", {}, workspace);
    const now = { ...Object.fromEntries(found.classes.map((c) => [c.id, c.threshold])), surest: found.surest?.threshold };
    if (Object.keys(now).some((key) => now[key] !== state.shown_from[key])) announceReview("paying");
    state.shown_from = now;
  }

  async function refresh() {
    show(await getJson("/sdpt/api/review"));
    if (state.keeps_to_what_pays && state.is_prelabelled) await keepToWhatPays();
    const queue = await getJson("/sdpt/api/review/queue");
    saves.textContent = queue.ids.length ? `${queue.ids.length.toLocaleString("en")} ${queue.ids.length === 1 ? "image" : "images"}, saves ${saving(queue.seconds_saved)}` : "";
    await advise();
  }

  async function advise() {
    const found = (await getJson("/sdpt/api/review/effort")).advice;
    reason.replaceChildren(h("b", {}, `${stepName(found)}: `), found.reason);
    advice.title = `${found.reason} Click for all figures of the effort meter.`;
    advice.setAttribute("aria-label", `${stepName(found)}: ${found.reason}`);
    advice.dataset.step = found.step;
    advice.hidden = false;
  }

  host.replaceChildren(
    h("div", { class: "sdpt-bar-row" },
      h("label", {}, "Order", order), category,
      h("label", { title: "Boxes that mean the same object are shown once; switched off, all of them come back" }, merging, "Merge duplicates"),
      opener("thresholds", "Thresholds…", "From which score each class shows"),
      opener("grid", "Grid…", "Fifty crops of one class on a page"),
      opener("audit", "Audit…", "Draw a random sample of finished images again, blind"),
      opener("effort", "Effort…", "Seconds per box and image, and what tunings have brought"),
      saves, note, advice),
    ...Object.values(dialogs).map((d) => d.element),
  );
  let isStale = true;
  const look = () => {
    if (!isStale || !host.offsetParent) return;
    isStale = false;
    trying(refresh);
  };
  new ResizeObserver(look).observe(host);
  addEventListener("sdpt:changed", ({ detail }) => {
    if (detail?.source === "canvas") return;
    isStale = true;
    look();
  });
  let parcels = 0;
  addEventListener("sdpt:timed", () => {
    parcels += 1;
    if (parcels % ADVISE_AFTER === 0 && host.offsetParent) trying(refresh);
    else isStale = true;
  });
  look();
}

const saving = (value) => (value >= 0 ? seconds(value) : `nothing (costs ${seconds(-value)})`);
