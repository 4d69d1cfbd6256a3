// Fifty crops of one class: click what is wrong, accept the rest.

import { getJson, postJson } from "../api.js";
import { button, h, newUid } from "../dom.js";
import { announceReview, dialog, percent } from "./dialog.js";

const PAGE = 50;

export function gridDialog(workspace, classes) {
  let chosen = null; // id of the class
  let items = [];
  let numLeft = 0;
  let wrong = new Set();
  let isBusy = false;
  const pages = []; // what was judged, newest last: arrays of {id, image_id}
  const panel = dialog({ title: "One class", testid: "review-grid", onOpen: load, onKey, onClose: () => announceReview() });

  const picker = h("select", { "aria-label": "Class", "data-testid": "grid-class" });
  picker.addEventListener("change", () => { chosen = Number(picker.value); panel.trying(next); });
  const accept = button("", { title: "Judge this page (Enter)", class: "sdpt-primary", "data-testid": "grid-accept", onClick: judge });
  const turn = button("Turn all", { title: "What is right becomes wrong, and the other way round (A)", "data-testid": "grid-turn", onClick: turnAll });
  const undo = button("↶ Last page", { title: "Take the last page back (Ctrl Z)", "data-testid": "grid-undo", onClick: undoPage });
  const left = h("span", { class: "sdpt-quiet", "data-testid": "grid-left" });
  const crops = h("div", { class: "sdpt-crops", role: "group", "aria-label": "Proposals; pressed means wrong" });
  panel.body.append(
    h("div", { class: "sdpt-bar-row" }, picker, left, h("span", { class: "sdpt-space" }),
      h("span", { class: "sdpt-quiet" }, "Click or X: wrong · Enter: judge the page"), turn, undo, accept),
    crops);

  async function load() {
    const known = classes();
    picker.replaceChildren(...known.map((c) => h("option", { value: c.id, selected: c.id === chosen }, c.name)));
    if (!known.some((c) => c.id === chosen)) chosen = known[0]?.id ?? null;
    let tried = chosen;
    await next();
    for (const other of known) {
      // Opened to be judged: a class without proposals is left for one that has some, unless the person chose it.
      if (items.length || chosen !== tried) break;
      chosen = tried = other.id;
      await next();
    }
  }

  async function next() {
    if (chosen === null) return;
    const asked = chosen;
    picker.value = String(asked);
    const found = await getJson(`/sdpt/api/review/grid?category_id=${asked}&limit=${PAGE}`);
    if (asked !== chosen) return; // another class was chosen meanwhile, and brings its own crops
    items = found.items;
    numLeft = found.num_left;
    wrong = new Set();
    draw();
    crops.firstElementChild?.focus();
  }

  function draw() {
    crops.replaceChildren(...(items.length ? items.map(crop) : [h("p", { class: "sdpt-quiet" }, "No proposal of this class is shown at its threshold.")]));
    update();
  }

  function crop(item) {
    const image = h("img", { src: `/sdpt/crops/${item.id}`, alt: "", draggable: "false", loading: "lazy" });
    const element = h("button", { type: "button", class: "sdpt-crop", "data-testid": "grid-crop", "data-id": item.id, "aria-pressed": "false",
      title: `${item.path}, score ${item.score.toFixed(2)}`, "aria-label": `${item.path}, right with a chance of ${percent(item.chance)}`,
      on: { click: () => toggle(item.id) } },
      image, h("span", { class: "sdpt-badge" }, percent(item.chance)));
    return element;
  }

  function toggle(id) {
    if (!wrong.delete(id)) wrong.add(id);
    update();
  }

  function turnAll() {
    wrong = new Set(items.map((item) => item.id).filter((id) => !wrong.has(id)));
    update();
  }

  function update() {
    for (const element of crops.querySelectorAll(".sdpt-crop")) {
      element.setAttribute("aria-pressed", String(wrong.has(Number(element.dataset.id))));
    }
    const right = items.length - wrong.size;
    accept.textContent = wrong.size ? `Accept ${right}, reject ${wrong.size}` : `Accept ${right}`;
    accept.disabled = isBusy || !items.length;
    turn.disabled = !items.length;
    undo.disabled = isBusy || !pages.length;
    left.textContent = `${numLeft.toLocaleString("en")} waiting`;
  }

  async function judge() {
    if (isBusy || !items.length) return;
    isBusy = true;
    update();
    const page = items.map(({ id, image_id }) => ({ id, image_id, isRight: !wrong.has(id) }));
    const verdicts = page.map(({ id, isRight }) => ({ prediction_id: id, is_right: isRight, uid: isRight ? newUid() : "" }));
    const outcome = await panel.trying(() => postJson("/sdpt/api/review/grid", { verdicts }, workspace));
    isBusy = false;
    if (!outcome) return update();
    pages.push(page);
    tell(page.map(({ image_id, isRight }) => ({ kind: "verdict", verdict: isRight ? "accepted" : "rejected", image_id })));
    await panel.trying(next);
    const late = outcome.late ? `, ${outcome.late} were judged elsewhere meanwhile` : "";
    panel.say(`${outcome.accepted} accepted, ${outcome.rejected} rejected${late}`, "good");
  }

  async function undoPage() {
    const page = pages.at(-1);
    if (isBusy || !page) return;
    isBusy = true;
    const ids = page.map((item) => item.id);
    const outcome = await panel.trying(() => postJson("/sdpt/api/review/grid/undo", { prediction_ids: ids }, workspace));
    isBusy = false;
    if (outcome) pages.pop();
    await panel.trying(next);
    if (outcome) panel.say(`${outcome.waiting} wait again`, "good");
  }

  function onKey(event) {
    if (event.target === picker || event.altKey) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "z") take(event, undoPage);
    else if (event.ctrlKey || event.metaKey) return;
    else if (key === "enter" && !event.target.closest?.(".sdpt-bar-row button, header button")) take(event, judge);
    else if (key === "a") take(event, turnAll);
    else if (key === "x") take(event, () => focused() && toggle(Number(focused().dataset.id)));
    else if (key.startsWith("arrow")) take(event, () => walk(key));
  }

  const focused = () => document.activeElement?.closest(".sdpt-crop");

  function walk(key) {
    const all = [...crops.querySelectorAll(".sdpt-crop")];
    const columns = getComputedStyle(crops).gridTemplateColumns.split(" ").length;
    const step = { arrowleft: -1, arrowright: 1, arrowup: -columns, arrowdown: columns }[key];
    const place = all.indexOf(focused());
    all[Math.min(Math.max(place < 0 ? 0 : place + step, 0), all.length - 1)]?.focus();
  }

  return panel;
}

function take(event, work) {
  event.preventDefault();
  work();
}

const tell = (ops) => dispatchEvent(new CustomEvent("sdpt:pushed", { detail: { ops } }));
