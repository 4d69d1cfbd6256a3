// The windows that open over the canvas: classes, images, a comment.

import { getJson } from "./api.js";
import { idsUrl } from "./browse.js";
import { button, h } from "./dom.js";
import { addClass, chooseClass } from "./editing.js";
import { bestFits } from "./fuzzy.js";
import { openDialog, openPalette } from "./palette.js";
import { comment } from "./walking.js";

const MOST_IMAGES = 30;

/** Choose a class by typing; a name that is not there can be made. `options`: as of chooseClass. */
export function pickClass(host, session, options) {
  const search = (text) => {
    const found = bestFits(text, session.categories, (c) => c.name).map((category) => ({
      label: category.name, color: category.color, pick: () => chooseClass(session, category.id, options),
      aside: digitOf(session.categories.indexOf(category)),
    }));
    const name = text.trim();
    const isThere = session.categories.some((c) => c.name.toLowerCase() === name.toLowerCase());
    if (name && !isThere) found.push({ label: `New class “${name}”`, pick: () => addClass(session, name, options) });
    return found;
  };
  openPalette(host, { title: "Class", placeholder: "Type some letters of a class", search, testid: "canvas-class-picker" });
}

/** 1 to 9, then 0; the eleventh class has none. */
export function digitOf(index) {
  return index < 9 ? String(index + 1) : index === 9 ? "0" : null;
}

/** Go to an image by some of its name, whether or not it is in the list. */
export function goToImage(host, session) {
  const search = async (text) => {
    try {
      const { ids } = await getJson(idsUrl({ state: "all", query: text }));
      const first = ids.slice(0, MOST_IMAGES);
      await session.cards.need(first, 0, first.length - 1);
      return first.map((id) => ({ label: session.cards.byId.get(id)?.relative_path ?? `image ${id}`, pick: () => session.goTo(id) }));
    } catch (error) {
      return [{ label: error.message, pick: () => {} }];
    }
  };
  openPalette(host, { title: "Go to image", placeholder: "Type a part of its name", search, testid: "canvas-go-to" });
}

export function writeComment(host, session) {
  if (!session.state) return;
  const image = session.imageId;
  const text = h("textarea", { rows: 5, maxlength: 2000, "aria-label": "Comment on this image", "data-testid": "canvas-comment-text" });
  text.value = session.state.image.comment;
  const dialog = h("dialog", { class: "sdpt-dialog", "aria-label": "Comment", "data-testid": "canvas-comment-dialog" });
  const save = () => {
    dialog.close();
    if (session.imageId === image) comment(session, text.value);
  };
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    save();
  });
  dialog.append(
    h("h2", {}, "Comment"), text,
    h("p", { class: "sdpt-aside" }, "Enter saves, Shift Enter makes a new line, Esc leaves it as it was."),
    button("Save", { title: "Save the comment", class: "sdpt-primary", onClick: save }),
  );
  openDialog(host, dialog);
  text.focus();
}
