// One image through time: who did what, the picture with its boxes at that moment, and the way back.

import { h } from "../canvas/dom.js";
import { action, ask, counted, when } from "./parts.js";
import { get } from "./talk.js";

const SVG = "http://www.w3.org/2000/svg";

export async function imageView(detail, imageId, { act, back }) {
  const found = await get(`/sdpt/api/history/images/${imageId}`);
  const picture = h("div", { class: "sdpt-then", "data-testid": "image-then" });
  const about = h("p", { class: "sdpt-quiet", "data-testid": "image-about" });
  const life = h("div", { "data-testid": "box-life" });
  const showLife = async (box) => life.replaceChildren(...(await lifeOf(box)));
  const look = async (point, title, item) => {
    list.querySelectorAll("li").forEach((other) => other.classList.toggle("is-chosen", other === item));
    const then = await get(`/sdpt/api/history/images/${imageId}/boxes?point=${encodeURIComponent(point)}`);
    draw(picture, found.image, then, showLife);
    life.replaceChildren(h("p", { class: "sdpt-quiet" }, then.boxes.length ? "Click a box to see its life." : ""));
    const differing = then.to_now.length;
    about.replaceChildren(h(
      "span", {}, `${title}: ${counted(then.boxes.length, "box", "boxes")}. `,
      differing ? `${counted(differing, "box", "boxes")} differ from now (dashed). ` : "It is so now. ",
      differing > 0 && action("Restore this image to here…", () => restore(point, title), { "data-testid": "restore-image" }),
    ));
  };
  const restore = async (point, title) => {
    const isSure = await ask({
      title: "Restore this image?",
      body: [h("p", {}, `The boxes of ${found.image.relative_path} go back to “${title}”. Other images stay. Undo takes it back.`)],
      yes: "Restore",
    });
    if (isSure) await act("restore", { point, image_id: imageId });
  };
  const list = h("ol", { class: "sdpt-timeline is-short" });
  const lines = found.lines.map((line) => [line.point, summed(line.events), `${when(line.at)}, ${line.author}`]);
  const oldest = found.lines.at(-1);
  if (oldest) lines.push([oldest.point_before, "before the first box", ""]);
  const items = lines.map(([point, title, who]) => {
    const item = h("li", { "data-testid": "image-line" }, action(title, () => look(point, title, item), { class: "is-link" }), h("div", { class: "sdpt-quiet" }, who));
    return item;
  });
  list.append(...(items.length ? items : [h("li", {}, "Nobody has drawn here yet.")]));
  detail.replaceChildren(
    h("div", { class: "sdpt-bar-row" }, h("h3", {}, found.image.relative_path), action("Close", back)),
    h("div", { class: "sdpt-image-view" }, h("div", {}, picture, about, life), list),
  );
  if (items.length) await look(lines[0][0], lines[0][1], items[0]);
  else draw(picture, found.image, { boxes: [], to_now: [] }, showLife);
}

/** "drew 3 cell, moved 1 platelet": what one person did at once. */
function summed(events) {
  const number = new Map();
  for (const { text } of events) number.set(text, (number.get(text) ?? 0) + 1);
  return [...number].map(([text, n]) => (n > 1 ? `${text} ×${n}` : text)).join(", ");
}

/** Who did what to one box, when. */
async function lifeOf(box) {
  const { events } = await get(`/sdpt/api/history/boxes/${encodeURIComponent(box.uid)}`);
  const lines = events.map((event) => h("li", {}, event.text, h("div", { class: "sdpt-quiet" }, `${when(event.at)}, ${event.author}`)));
  return [h("h3", {}, `The life of this ${box.class}`), h("ol", { class: "sdpt-timeline" }, ...lines)];
}

function draw(picture, image, then, showLife) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${then.boxes.length} boxes`);
  const differing = new Set(then.to_now.map((item) => item.uid));
  for (const item of then.boxes) svg.append(rectangle(item, differing.has(item.uid), showLife));
  const source = `/sdpt/images/${image.id}?v=${image.sha256.slice(0, 16)}`;
  picture.replaceChildren(h("img", { src: source, alt: image.relative_path }), svg);
}

function rectangle(item, isDiffering, showLife) {
  const [x1, y1, x2, y2] = item.box;
  const rect = document.createElementNS(SVG, "rect");
  const attributes = {
    x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: item.color, class: isDiffering ? "is-differing" : "",
    tabindex: 0, role: "button", "aria-label": item.class,
  };
  for (const [key, value] of Object.entries(attributes)) rect.setAttribute(key, value);
  rect.addEventListener("click", () => showLife(item));
  rect.addEventListener("keydown", ({ key }) => key === "Enter" && showLife(item));
  const title = document.createElementNS(SVG, "title");
  title.textContent = item.class;
  rect.append(title);
  return rect;
}
