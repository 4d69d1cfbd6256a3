// A class is split by looking: all its boxes as small pictures, click those that are of another class.

import { h } from "../canvas/dom.js";
import { action, ask, counted } from "./parts.js";
import { get } from "./talk.js";

const PAGE = 60;

/** Resolves to {uids, into}, or null when the person thought better of it. */
export async function chooseBoxes(item, all) {
  const chosen = new Set();
  const number = h("b", { "data-testid": "split-number" }, "0 chosen");
  const grid = h("div", { class: "sdpt-cuts", "data-testid": "split-grid" });
  const told = h("span", { class: "sdpt-quiet" });
  const names = h("datalist", { id: "sdpt-class-names" }, ...all.filter((c) => c.id !== item.id).map((c) => h("option", { value: c.name })));
  const into = h("input", { list: "sdpt-class-names", placeholder: "class, new or known", "aria-label": "Move the chosen boxes to", "data-testid": "split-into" });
  let next = 0;
  const more = action(`Show ${PAGE} more`, () => load(), { "data-testid": "split-more" });

  const count = () => {
    number.textContent = `${chosen.size.toLocaleString("en")} chosen`;
    told.textContent = shown();
  };
  const shown = () => `${grid.childElementCount.toLocaleString("en")} of ${counted(item.num_boxes, "box", "boxes")} shown`;
  const toggle = (uid, tile, isOn = !chosen.has(uid)) => {
    if (isOn) chosen.add(uid);
    else chosen.delete(uid);
    tile.setAttribute("aria-pressed", String(isOn));
    count();
  };
  const tileOf = (box) => {
    const tile = action(h("img", { src: box.crop, alt: "", loading: "lazy" }), () => toggle(box.uid, tile), {
      class: "sdpt-cut", title: box.relative_path, "aria-label": `Box on ${box.relative_path}`, "aria-pressed": "false", "data-uid": box.uid,
    });
    return tile;
  };
  const load = async () => {
    try {
      const page = await get(`/sdpt/api/class-work/${item.id}/boxes?after=${next ?? 0}&limit=${PAGE}`);
      grid.append(...page.boxes.map(tileOf));
      next = page.next;
      more.hidden = next === null;
      told.textContent = shown();
    } catch (error) {
      told.textContent = error.message;
    }
  };
  const chooseShown = (isOn) => grid.querySelectorAll("button").forEach((tile) => toggle(tile.dataset.uid, tile, isOn));
  await load();
  return ask({
    title: `Split ${item.name}: click the boxes that are of another class`,
    isWide: true,
    body: [
      h("div", { class: "sdpt-dialog-bar" }, told, action("Choose all shown", () => chooseShown(true)), action("Choose none", () => chooseShown(false))),
      grid, h("div", {}, more),
      h("div", { class: "sdpt-dialog-bar" }, number, h("label", {}, "Move them to ", into), names),
    ],
    yes: "Move",
    value: () => {
      if (chosen.size && into.value.trim()) return { uids: [...chosen], into: into.value.trim() };
      told.textContent = chosen.size ? "Say which class they move to." : "Click the boxes that shall move.";
      (chosen.size ? into : grid.querySelector("button"))?.focus();
      return null;
    },
  });
}
