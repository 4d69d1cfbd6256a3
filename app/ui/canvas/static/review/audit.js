// The blind audit: draw a few finished images again without seeing any box, and learn which error is left.

import { getJson, imageUrl, postJson } from "../api.js";
import { button, h, inkOn } from "../dom.js";
import { BlindKeys } from "./blindkeys.js";
import { BlindStage } from "./blindstage.js";
import { dialog, fill } from "./dialog.js";

const BASE = "/sdpt/api/review/audit";
const KINDS = { missed: "Missed", wrong_class: "Wrong class", badly_placed: "Badly placed", surplus: "No object there" };
// What a person may say on seeing both: then it is no error of the labels.
const EXCUSES = { missed: "no object is here", surplus: "an object is here", wrong_class: "the label is right", badly_placed: "the label is right" };
const [LABEL_COLOR, BLIND_COLOR] = ["#38bdf8", "#fb923c"];

export function auditDialog(workspace) {
  const panel = dialog({ title: "Blind audit", testid: "review-audit", onOpen: load, onKey });
  const stage = new BlindStage({ onChange: () => updateDrawing() });
  const keys = new BlindKeys(stage);
  let audit = null;
  let categories = [];
  let imageId = null; // of the image that is drawn or compared
  let updateDrawing = () => {};
  let goOn = null; // what Enter does

  const post = (path, body) => panel.trying(() => postJson(`${BASE}${path}`, body, workspace));

  async function load() {
    take(await getJson(BASE));
    await home();
  }

  function take(found) {
    ({ audit, categories } = found);
    stage.colors = new Map(categories.map((c) => [c.id, c.color]));
    stage.category ??= categories[0]?.id ?? null;
  }

  function home() {
    if (audit && !audit.is_finished) return nextImage();
    imageId = null;
    const number = h("input", { type: "number", min: 1, max: 1000, value: 20, "data-testid": "audit-number" });
    const begin = async () => {
      const found = await post("", { num_images: Number(number.value) });
      if (!found) return;
      take(found);
      await nextImage();
    };
    goOn = begin;
    fill(panel.body,
      h("p", {}, "A random sample of the images that are done is shown without any box. Draw every object again; the difference to the labels tells which error is left in all of them, and how sure that is."),
      h("label", { class: "sdpt-bar-row" }, "Images", number,
        button(audit ? "Start a new audit" : "Start", { title: "Draw the sample", class: "sdpt-primary", "data-testid": "audit-start", onClick: begin })),
      audit ? result() : null,
    );
  }

  async function nextImage() {
    const drawn = new Set(audit.drawn_ids);
    const id = audit.image_ids.find((candidate) => !drawn.has(candidate));
    if (id === undefined) return home();
    imageId = id;
    const { image } = await getJson(`${BASE}/${audit.id}/images/${id}`);
    stage.show(image, imageUrl(image));
    showDrawing(image);
  }

  function showDrawing(image) {
    const chips = h("div", { class: "sdpt-chips", role: "group", "aria-label": "Classes" });
    const number = h("span", { class: "sdpt-quiet", "data-testid": "audit-boxes" });
    const hint = h("span", { class: "sdpt-quiet", role: "status" });
    updateDrawing = () => {
      chips.replaceChildren(...categories.map((c, index) => button(c.name, {
        title: index < 9 ? `${c.name} (key ${index + 1})` : c.name,
        class: c.id === stage.category ? "sdpt-chip-button is-on" : "sdpt-chip-button", "aria-pressed": String(c.id === stage.category),
        style: { "--class-color": c.color, "--class-ink": inkOn(c.color) }, onClick: () => choose(c.id),
      }, index < 9 ? h("kbd", {}, index + 1) : null)));
      number.textContent = `${stage.boxes.length} drawn`;
      if (hint.textContent !== keys.hint) hint.textContent = keys.hint; // else it would be spoken after every move
    };
    goOn = submit;
    fill(panel.body,
      h("div", { class: "sdpt-bar-row" },
        h("b", { "data-testid": "audit-place" }, `${audit.drawn_ids.length + 1} of ${audit.image_ids.length}`), h("span", { class: "sdpt-quiet" }, image.relative_path), number,
        h("span", { class: "sdpt-space" }),
        hint,
        button("Compare", { title: "All objects are drawn (Enter)", class: "sdpt-primary", "data-testid": "audit-compare", onClick: submit })),
      chips, stage.element);
    updateDrawing();
    stage.root.focus();
  }

  function choose(id) {
    stage.category = id;
    if (stage.selected >= 0) stage.boxes[stage.selected].category_id = id;
    stage.draw();
    updateDrawing();
  }

  async function submit() {
    const found = await post(`/${audit.id}/images/${imageId}`, { boxes: stage.boxes });
    if (found) compare(found);
  }

  function compare(found) {
    take(found);
    const name = (id) => categories.find((c) => c.id === id)?.name ?? "a class that is gone";
    const marked = found.differences.flatMap((d) => [
      d.label && { box: d.label.box, color: LABEL_COLOR, title: `label: ${name(d.label.category_id)}` },
      d.blind && { box: d.blind.box, color: BLIND_COLOR, isDashed: true, title: `now: ${name(d.blind.category_id)}` },
    ]).filter(Boolean);
    stage.show(found.image, imageUrl(found.image), { overlay: marked });
    const rows = found.differences.map((d) => {
      const box = h("input", { type: "checkbox", checked: d.label_is_right, "data-testid": "audit-label-right" });
      box.checked = d.label_is_right;
      box.addEventListener("change", () => settle(found));
      const words = [d.label ? `label: ${name(d.label.category_id)}` : "no label", d.blind ? `now: ${name(d.blind.category_id)}` : "not drawn"];
      return h("li", { "data-index": d.index }, h("b", {}, KINDS[d.kind]), h("span", {}, words.join(", ")),
        d.iou ? h("span", { class: "sdpt-quiet" }, `overlap ${d.iou.toFixed(2)}`) : null, h("label", {}, box, EXCUSES[d.kind]));
    });
    goOn = nextImage;
    const isLast = audit.drawn_ids.length === audit.image_ids.length;
    fill(panel.body,
      h("div", { class: "sdpt-bar-row" },
        h("b", {}, `${audit.drawn_ids.length} of ${audit.image_ids.length}`), h("span", { class: "sdpt-quiet" }, found.image.relative_path),
        h("span", { class: "sdpt-legend", style: { "--key": LABEL_COLOR } }, "label"), h("span", { class: "sdpt-legend is-dashed", style: { "--key": BLIND_COLOR } }, "drawn now"),
        h("span", { class: "sdpt-space" }),
        button(isLast ? "Show the result" : "Next image", { title: "Go on (Enter)", class: "sdpt-primary", "data-testid": "audit-next", onClick: () => panel.trying(nextImage) })),
      h("div", { class: "sdpt-compared" }, stage.element,
        rows.length ? h("ul", { class: "sdpt-differences", "data-testid": "audit-differences" }, ...rows)
          : h("p", { class: "sdpt-good", "data-testid": "audit-differences" }, "Labels and your boxes agree.")));
  }

  async function settle(found) {
    const right = [...panel.body.querySelectorAll("[data-index]")]
      .filter((row) => row.querySelector("input").checked).map((row) => Number(row.dataset.index));
    const next = await post(`/${audit.id}/images/${found.image.id}/settled`, { label_is_right: right });
    if (next) take(next);
  }

  function result() {
    const found = audit.result;
    if (!found) return null;
    const line = (text, share, what = "objects") => h("tr", {}, h("td", {}, text),
      h("td", { class: "sdpt-number" }, share ? share.value.toFixed(1) : "–"),
      h("td", { class: "sdpt-number" }, share ? `${share.low.toFixed(1)} – ${share.high.toFixed(1)}` : "–"), h("td", { class: "sdpt-quiet" }, `of 100 ${what}`));
    return h("div", { "data-testid": "audit-result" },
      h("h3", {}, `Error left, from ${found.num_objects} ${found.num_objects === 1 ? "object" : "objects"} on ${found.num_images} of ${found.num_done} done images`),
      h("table", { class: "sdpt-figures" },
        h("thead", {}, h("tr", {}, ...["", "Estimate", "95 % interval", ""].map((text) => h("th", {}, text)))),
        h("tbody", {}, line("Without a right label", found.any_error), line("Missed", found.missed), line("Wrong class", found.wrong_class),
          line("Badly placed (overlap below .75)", found.badly_placed), line("Labels without an object", found.surplus, "labels"))),
      h("p", { class: "sdpt-quiet" }, `Audit ${audit.id} by ${audit.author}, ${new Date(audit.at).toLocaleString()}; seed ${audit.seed}.`));
  }

  function onKey(event) {
    const isOnButton = event.target.matches?.("button") && ["Enter", " "].includes(event.key);
    if (isOnButton) return;
    const isDrawing = imageId !== null && !stage.overlay && !event.target.matches?.("input");
    if (isDrawing && (keys.press(event) || chooseByDigit(event))) event.preventDefault();
    else if (event.key === "Enter") enter(event);
  }

  /** 1 is the first class, 0 the tenth. */
  function chooseByDigit({ key, ctrlKey, metaKey, altKey }) {
    if (!/^\d$/.test(key) || ctrlKey || metaKey || altKey) return false;
    const category = categories[(Number(key) + 9) % 10];
    if (category) choose(category.id);
    return Boolean(category);
  }

  function enter(event) {
    event.preventDefault();
    if (goOn) panel.trying(goOn);
  }

  return panel;
}
