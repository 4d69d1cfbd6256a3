// The bar above: which image, which images, whether all is saved.

import { button, h } from "./dom.js";
import { filterBox } from "./filterbox.js";
import { saveState } from "./queue.js";
import { reach } from "./reach.js";
import { next, previous } from "./walking.js";

export function topBar(session, queue, watch, { onHelp, toImage }) {
  const name = h("span", { class: "sdpt-name", "data-testid": "canvas-filename" });
  const place = h("span", { class: "sdpt-aside", "data-testid": "canvas-position" });
  const saved = h("span", { class: "sdpt-saved", role: "status", "data-testid": "canvas-save-state" });
  const others = h("span", { class: "sdpt-others", hidden: true, "data-testid": "canvas-others",
    title: "Changes made in the other window appear here; the same box changed in both is asked about." }, "Open elsewhere too");
  const filter = session.mode === "label" ? filterBox(session, toImage) : null;
  const small = (text, title, command, onClick, testid) =>
    button(text, { title, command, onClick, class: "sdpt-small", "data-testid": testid });

  const update = () => {
    const image = session.state?.image;
    name.textContent = image?.relative_path ?? "";
    name.title = image ? `${image.relative_path} (${image.width} × ${image.height})` : "";
    const index = session.list.indexOf(session.imageId);
    const total = session.list.ids.length;
    place.textContent = total ? `${index >= 0 ? index + 1 : "–"} of ${total}` : "";
  };
  const updateSaved = () => {
    const { text, level } = saveState(queue);
    if (saved.textContent !== text) saved.textContent = text;
    saved.dataset.level = level;
  };
  for (const event of ["image", "boxes", "list"]) session.addEventListener(event, update);
  queue.addEventListener("status", updateSaved);
  reach.addEventListener("change", updateSaved);
  watch.addEventListener("others", () => (others.hidden = watch.numOthers === 0));
  updateSaved();
  const element = h(
    "div", { class: "sdpt-top", role: "toolbar", "aria-label": "Images" },
    small("◀", "Previous image", "previous", () => previous(session), "canvas-prev"),
    small("▶", "Next image", "next", () => next(session), "canvas-next"),
    place, name, saved, others,
    h("span", { class: "sdpt-space" }),
    filter?.element,
    small("?", "Keys", "help", onHelp, "canvas-help"),
  );
  return { element, focusSearch: () => filter?.focusSearch(), focusFirst: () => element.querySelector("button")?.focus() };
}
