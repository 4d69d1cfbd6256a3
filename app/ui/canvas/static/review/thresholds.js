// From which score each class shows: sliders that say at every place how many proposals and how good they are.

import { getJson, postJson } from "../api.js";
import { button, h } from "../dom.js";
import { announceReview, dialog, percent } from "./dialog.js";

export function thresholdDialog(workspace) {
  const panel = dialog({ title: "From which score", testid: "review-thresholds", onOpen: load });
  let isChanged = false;
  let last = null; // curves do not change with a threshold, so they are sent once
  panel.element.addEventListener("close", () => isChanged && announceReview());

  async function load() {
    isChanged = false;
    last = null;
    show(await getJson("/sdpt/api/review/thresholds"));
  }

  async function set(scores) {
    const found = await panel.trying(() => postJson("/sdpt/api/review/thresholds", { scores }, workspace));
    if (!found) return;
    isChanged = true;
    show(found);
  }

  async function showWhatPays() {
    const found = await panel.trying(() => postJson("/sdpt/api/review/thresholds/paying", {}, workspace));
    if (!found) return;
    isChanged = true;
    show(found);
  }

  function show(found) {
    const before = new Map((last?.classes ?? []).map((c) => [c.id, c]));
    last = { ...last, ...found, classes: found.classes.map((c) => ({ ...before.get(c.id), ...c })) };
    const { bundle, classes, num_images, num_boxes, num_shown } = last;
    if (!bundle) {
      panel.body.replaceChildren(h("p", {}, "There are no proposals yet. Pre-label in Tune."));
      return;
    }
    const focused = document.activeElement?.dataset?.testid;
    panel.body.replaceChildren(
      h("p", { class: "sdpt-quiet" }, about(bundle.name, num_images, num_boxes)),
      h("table", { class: "sdpt-sliders" },
        h("thead", {}, h("tr", {}, ...["Class", "Shown from", "", "Proposals", "Right of these", "Found of all objects", ""].map(
          (text) => h("th", {}, text)))),
        h("tbody", {}, ...classes.map((c) => row(c, set)))),
      h("div", { class: "sdpt-dialog-foot" },
        h("span", { "data-testid": "thresholds-total" }, `${num_shown.toLocaleString("en")} proposals are shown`),
        button("Show what pays", { title: "Only proposals that surely save you time, by what is known now; classes of which none do are hidden",
          "data-testid": "thresholds-paying", onClick: showWhatPays }),
        button("Back to the best for all", { title: "The thresholds that were best on held-out images", "data-testid": "thresholds-reset",
          onClick: () => set(Object.fromEntries(classes.map((c) => [c.id, null]))) })),
    );
    if (focused) panel.body.querySelector(`[data-testid="${focused}"]`)?.focus();
  }

  return panel;
}

function about(name, numImages, numBoxes) {
  if (!numBoxes) return `Nothing is known of '${name}' yet: finish images, or pre-label again, to learn what a score is worth.`;
  return `Expected of '${name}' from ${numBoxes} known boxes on ${numImages} images that it has not learnt from; in brackets what it may be (95 %). The mark is the best F1.`;
}

function row(c, set) {
  const value = h("output", { class: "sdpt-number" });
  const number = h("td", { class: "sdpt-number", "data-testid": `count-${c.name}` });
  const precision = h("td", { "data-testid": `precision-${c.name}` });
  const recall = h("td", { "data-testid": `recall-${c.name}` });
  const mark = `marks-${c.id}`;
  const slider = h("input", { type: "range", min: 0, max: 100, step: 1, value: Math.round(100 * c.threshold),
    list: mark, "aria-label": `Show ${c.name} from`, "data-testid": `threshold-${c.name}` });
  const update = () => {
    const place = Number(slider.value);
    value.textContent = (place / 100).toFixed(2);
    const isNow = place === Math.round(100 * c.threshold);
    number.textContent = isNow ? c.num_shown.toLocaleString("en") : `≤ ${c.at_least[place].toLocaleString("en")}`;
    number.title = isNow ? `on ${c.num_images} images` : "before duplicates are merged";
    precision.replaceChildren(...range(c.precision[place]));
    recall.replaceChildren(...range(c.recall[place]));
  };
  slider.addEventListener("input", update);
  slider.addEventListener("change", () => set({ [c.id]: Number(slider.value) / 100 }));
  update();
  const reset = c.is_own
    ? button("↺", { title: `Back to ${c.default.toFixed(2)}`, class: "sdpt-icon", onClick: () => set({ [c.id]: null }) })
    : h("span", { class: "sdpt-quiet" }, c.is_measured ? "best" : "not measured");
  return h("tr", {},
    h("td", {}, h("i", { class: "sdpt-dot", style: { background: c.color } }), c.name),
    h("td", {}, slider, h("datalist", { id: mark }, h("option", { value: Math.round(100 * c.default) }))),
    h("td", {}, value), number, precision, recall, h("td", {}, reset));
}

/** A share with its interval as text and as a bar. */
function range(numbers) {
  if (!numbers) return [h("span", { class: "sdpt-quiet" }, "unknown")];
  const [value, low, high] = numbers;
  const bar = h("span", { class: "sdpt-range", "aria-hidden": "true" },
    h("i", { style: { left: `${100 * low}%`, width: `${100 * (high - low)}%` } }), h("b", { style: { left: `${100 * value}%` } }));
  return [bar, `${percent(value)} `, h("span", { class: "sdpt-quiet" }, `(${Math.round(100 * low)}–${Math.round(100 * high)})`)];
}
