// One image through time: who did what, the picture with its boxes at that moment, and the way back.

import { h } from "../canvas/dom.js";
import { action, ask, counted, when } from "./parts.js";
import { get } from "./talk.js";

const SVG = "http://www.w3.org/2000/svg";

export async function imageView(detail, imageId, { act, back }) {
  const found = await get(`/sdpt/api/history/images/${imageId}`);
  const picture = h("div", { class: "sdpt-then", "data-testid": "image-then" });
  const about = h("p", { class: "sdpt-quiet", "data-testid": "image-about" });
  const look = async (point, title, item) => {
    list.querySelectorAll("li").forEach((other) => other.classList.toggle("is-chosen", other === item));
    const then = await get(`/sdpt/api/history/images/${imageId}/boxes?point=${encodeURIComponent(point)}`);
    draw(picture, found.image, then);
    const differing = then.to_now.length;
    about.replaceChildren(
      `${title}: ${counted(then.boxes.length, "box", "boxes")}. `,
      differing ? `${counted(differing, "box", "boxes")} differ from now (dashed). ` : "It is so now. ",
      differing > 0 && action("Restore this image to here…", () => restore(point, title), { "data-testid": "restore-image" }),
    );
  };
  const restore = async (point, title) => {
    const isSure = await ask({
      title: "Restore this image?",
      body: [h("p", {}, `The boxes of ${found.image.relative_path} go back to “${title}”. Other images stay. Undo takes it back.`)],
      yes: "Restore",
    });
    if (!isSure) return;
    await act("restore", { point, image_id: imageId });
    await imageView(detail, imageId, { act, back });
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
    h("div", { class: "sdpt-image-view" }, h("div", {}, picture, about), list),
  );
  if (items.length) await look(lines[0][0], lines[0][1], items[0]);
  else draw(picture, found.image, { boxes: [], to_now: [] });
}

/** "drew 3 cell, moved 1 platelet": what one person did at once. */
function summed(events) {
  const number = new Map();
  for (const { text } of events) number.set(text, (number.get(text) ?? 0) + 1);
  return [...number].map(([text, n]) => (n > 1 ? `${text} ×${n}` : text)).join(", ");
}

function draw(picture, image, then) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${then.boxes.length} boxes`);
  const differing = new Set(then.to_now.map((item) => item.uid));
  for (const item of then.boxes) svg.append(rectangle(item, differing.has(item.uid)));
  const source = `/sdpt/images/${image.id}?v=${image.sha256.slice(0, 16)}`;
  picture.replaceChildren(h("img", { src: source, alt: image.relative_path }), svg);
}

function rectangle({ box: [x1, y1, x2, y2], color, class: name }, isDiffering) {
  const rect = document.createElementNS(SVG, "rect");
  const attributes = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: color, class: isDiffering ? "is-differing" : "" };
  for (const [key, value] of Object.entries(attributes)) rect.setAttribute(key, value);
  const title = document.createElementNS(SVG, "title");
  title.textContent = name;
  rect.append(title);
  return rect;
}
