// From which score each class shows: sliders that say at every place how many proposals and how good they are.

import { getJson, postJson } from "../api.js";
import { button, h } from "../dom.js";
import { announceReview, dialog, percent } from "./dialog.js";

export function thresholdDialog(workspace) {
  const panel = dialog({ title: "From which score", testid: "review-thresholds", onOpen: load });
  const state = h("span", { class: "sdpt-quiet", role: "status", "data-testid": "thresholds-state" });
  const total = h("span", { "data-testid": "thresholds-total" });
  let rows = new Map(); // class id -> its row; rows stay, so that no answer takes a slider out of a person's hand
  let unsaved = {};
  let turn = Promise.resolve(); // one request at a time: a late answer never overwrites a newer one
  let isChanged = false;
  panel.element.addEventListener("close", () => inTurn(() => isChanged && announceReview()));

  const inTurn = (work) => (turn = turn.then(work));

  async function load() {
    await turn;
    unsaved = {}; // the person was told
    isChanged = false;
    build(await getJson("/sdpt/api/review/thresholds"));
  }

  function set(scores) {
    Object.assign(unsaved, scores);
    state.textContent = "Saving…";
    return inTurn(save);
  }

  async function save() {
    const sent = unsaved;
    if (!Object.keys(sent).length) return; // went out with an earlier one
    unsaved = {};
    const found = await panel.trying(() => postJson("/sdpt/api/review/thresholds", { scores: sent }, workspace));
    if (!found) {
      unsaved = { ...sent, ...unsaved }; // goes out with the next move
      state.textContent = "Not saved";
      return;
    }
    take(found);
  }

  async function showWhatPays() {
    const found = await panel.trying(() => postJson("/sdpt/api/review/thresholds/paying", {}, workspace));
    if (found) take(found);
  }

  function take({ classes, num_shown }) {
    isChanged = true;
    for (const c of classes) rows.get(c.id)?.refresh(c, { isUnsaved: c.id in unsaved });
    total.textContent = `${num_shown.toLocaleString("en")} proposals are shown`;
    state.textContent = Object.keys(unsaved).length ? "Saving…" : "Saved";
  }

  function build({ bundle, classes, num_images, num_boxes, num_shown }) {
    if (!bundle) {
      panel.body.replaceChildren(h("p", {}, "There are no proposals yet. Pre-label in Tune."));
      return;
    }
    rows = new Map(classes.map((c) => [c.id, row(c, set)]));
    total.textContent = `${num_shown.toLocaleString("en")} proposals are shown`;
    state.textContent = "";
    panel.body.replaceChildren(
      h("p", { class: "sdpt-quiet" }, about(bundle.name, num_images, num_boxes)),
      h("table", { class: "sdpt-sliders" },
        h("thead", {}, h("tr", {}, ...["Class", "Shown from", "", "Proposals", "Right of these", "Found of all objects", ""].map(
          (text) => h("th", {}, text)))),
        h("tbody", {}, ...[...rows.values()].map((r) => r.element))),
      h("div", { class: "sdpt-dialog-foot" }, total, state,
        button("Show what pays", { title: "Only proposals that surely save you time, by what is known now; classes of which none do are hidden",
          "data-testid": "thresholds-paying", onClick: () => inTurn(showWhatPays) }),
        button("Back to the best for all", { title: "The thresholds that were best on held-out images", "data-testid": "thresholds-reset",
          onClick: () => set(Object.fromEntries(classes.map((c) => [c.id, null]))) })),
    );
  }

  return panel;
}

function about(name, numImages, numBoxes) {
  if (!numBoxes) return `Nothing is known of '${name}' yet: finish images, or pre-label again, to learn what a score is worth.`;
  return `Expected of '${name}' from ${numBoxes} known boxes on ${numImages} images that it has not learnt from; in brackets what it may be (95 %). The mark is the best F1.`;
}

/** {element, refresh(c)}: a class with its slider. Curves do not change with a threshold, so they come once. */
function row(first, set) {
  let c = first;
  let isMoving = false;
  const value = h("output", { class: "sdpt-number" });
  const number = h("td", { class: "sdpt-number", "data-testid": `count-${c.name}` });
  const precision = h("td", { "data-testid": `precision-${c.name}` });
  const recall = h("td", { "data-testid": `recall-${c.name}` });
  const origin = h("td", { "data-testid": `origin-${c.name}` });
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
    origin.replaceChildren(c.is_own
      ? button("↺", { title: `Back to ${c.default.toFixed(2)}`, class: "sdpt-icon", onClick: () => set({ [c.id]: null }) })
      : h("span", { class: "sdpt-quiet" }, c.is_measured ? "best" : "not measured"));
  };
  slider.addEventListener("input", () => {
    isMoving = true;
    update();
  });
  slider.addEventListener("change", () => {
    isMoving = false;
    set({ [c.id]: Number(slider.value) / 100 });
  });
  update();
  const element = h("tr", {},
    h("td", {}, h("i", { class: "sdpt-dot", style: { background: c.color } }), c.name),
    h("td", {}, slider, h("datalist", { id: mark }, h("option", { value: Math.round(100 * c.default) }))),
    h("td", {}, value), number, precision, recall, origin);
  const refresh = (found, { isUnsaved }) => {
    c = { ...c, ...found };
    if (!isMoving && !isUnsaved) slider.value = Math.round(100 * c.threshold);
    update();
  };
  return { element, refresh };
}

/** A share with its interval as text and as a bar. */
function range(numbers) {
  if (!numbers) return [h("span", { class: "sdpt-quiet" }, "unknown")];
  const [value, low, high] = numbers;
  const bar = h("span", { class: "sdpt-range", "aria-hidden": "true" },
    h("i", { style: { left: `${100 * low}%`, width: `${100 * (high - low)}%` } }), h("b", { style: { left: `${100 * value}%` } }));
  return [bar, `${percent(value)} `, h("span", { class: "sdpt-quiet" }, `(${Math.round(100 * low)}–${Math.round(100 * high)})`)];
}
