// From which score each class shows: sliders that say at every place how many proposals and how good they are.

import { getJson, postJson } from "../api.js";
import { button, h } from "../dom.js";
import { reach } from "../reach.js";
import { announceReview, dialog, fill } from "./dialog.js";
import { InOrder } from "./inorder.js";
import { ThresholdRow, surestRow } from "./thresholdrow.js";

export function thresholdDialog(workspace) {
  const url = "/sdpt/api/review/thresholds";
  const panel = dialog({ title: "From which score", testid: "review-thresholds", onOpen: load, onClose: tellPage });
  const saves = new InOrder({
    sendScores: (scores) => postJson(url, { scores }, workspace), onAnswer: answered, onError: failed,
    onIdle: () => { update(); if (!panel.element.open) tellPage(); },
  });
  let isChanged = false;
  let classes = new Map(); // as the server has them; curves do not change with a threshold, so they are sent once
  let bundleId = null;
  let rows = [];
  let drawn = ""; // what the rows were built for
  let foot = null;
  // The dialog may be closed by then: what waits needs no hand.
  reach.addEventListener("change", () => { if (reach.isReached && saves.hasUnsaved) saves.send(); update(); });
  // What still waits goes out at once when the page is left.
  addEventListener("pagehide", () => saves.flush());

  function tellPage() {
    if (!isChanged || saves.isSending) return;
    isChanged = false;
    announceReview();
  }

  function load() {
    return saves.ask(() => getJson(url));
  }

  function set(scores) {
    saves.save(scores);
    update();
  }

  function showWhatPays() {
    isChanged = true;
    saves.ask(() => postJson(`${url}/paying`, {}, workspace));
    update();
  }

  function answered(found, isSaved) {
    panel.say(null);
    isChanged ||= isSaved;
    if (!found.bundle) {
      [drawn, rows, foot] = ["", [], null];
      fill(panel.body, h("p", {}, "There are no proposals yet. Pre-label in Tune."));
      return undefined;
    }
    const hasCurves = found.num_boxes !== undefined;
    if (!hasCurves && (found.bundle.id !== bundleId || found.classes.some((c) => !classes.has(c.id)))) return load();
    bundleId = found.bundle.id;
    classes = new Map([surestRow(found.surest), ...found.classes].map((c) => [c.id, { ...classes.get(c.id), ...c }]));
    if (hasCurves) build(found);
    foot.paying.setAttribute("aria-pressed", String(found.keeps_to_what_pays));
    foot.paying.textContent = found.keeps_to_what_pays ? "✓ Showing what pays" : "Show what pays";
    foot.total.textContent = `${found.num_shown.toLocaleString("en")} proposals are shown`;
    return update();
  }

  function failed(error, isKept) {
    panel.say(isKept ? `${error.message} Your last changes are not saved yet.` : error.message);
    if (!isKept && error.status) load(); // shows again what is stored
  }

  /** Rows are made once per set of classes, so that none is replaced under a person's hand. */
  function build({ bundle, num_images, num_boxes }) {
    const now = JSON.stringify([bundle, num_images, num_boxes, [...classes.values()].map((c) => [c.id, c.name, c.color, c.default])]);
    if (drawn === now) return;
    drawn = now;
    rows = [...classes.values()].map((c) => new ThresholdRow(c, set));
    foot = {
      total: h("span", { "data-testid": "thresholds-total" }),
      paying: button("Show what pays", { title: "Only proposals that should save you time; chosen anew as more is known, until you move a slider",
        "data-testid": "thresholds-paying", onClick: showWhatPays }),
      again: button("Save again", { title: "Send what is not saved yet", class: "sdpt-primary", "data-testid": "thresholds-again", onClick: () => { saves.send(); update(); } }),
    };
    fill(panel.body,
      h("p", { class: "sdpt-quiet" }, about(bundle.name, num_images, num_boxes)),
      h("table", { class: "sdpt-sliders" },
        h("thead", {}, h("tr", {}, ...["Class", "Shown from", "", "Proposals", "Right of these", "Found of all objects", ""].map(
          (text) => h("th", {}, text)))),
        h("tbody", {}, ...rows.map((row) => row.element))),
      h("div", { class: "sdpt-sheet-foot" },
        foot.total, h("span", { class: "sdpt-space" }), foot.again,
        foot.paying,
        button("Back to the best for all", { title: "The thresholds that were best on held-out images", "data-testid": "thresholds-reset",
          onClick: () => set(Object.fromEntries([...classes.keys()].map((id) => [id, null]))) })));
  }

  function update() {
    for (const row of rows) {
      const isUnsaved = saves.isUnsaved(row.id);
      if (classes.has(row.id)) row.show(classes.get(row.id), isUnsaved ? (saves.isSending ? "saving" : "unsaved") : "saved");
    }
    if (foot) foot.again.hidden = saves.isSending || !saves.hasUnsaved;
  }

  return panel;
}

function about(name, numImages, numBoxes) {
  if (!numBoxes) return `Nothing is known of '${name}' yet: finish images, or pre-label again, to learn what a score is worth.`;
  return `Expected of '${name}' from ${numBoxes} known boxes on ${numImages} images that it has not learnt from; in brackets what it may be (95 %). The mark is the best F1.`;
}
