// Pieces that both panels use: a line that tells what was done and undoes it, a dialog that asks, counts in words.

import { h } from "../canvas/dom.js";
import { post } from "./talk.js";

/** A line that says what happened. `afterUndo` runs when the person took it back. */
export function messageLine(afterUndo) {
  const element = h("div", { class: "sdpt-told", role: "status", "data-testid": "panel-told", hidden: true });
  const tell = (text, { changeId = null, isBad = false } = {}) => {
    const hadFocus = element.contains(document.activeElement);
    element.hidden = !text;
    element.classList.toggle("is-bad", isBad);
    element.replaceChildren(h("span", {}, text));
    if (!changeId) return;
    element.append(action("Undo", () => undo(changeId)));
    if (hadFocus) focusUndo();
  };
  /** For a deed that took away what had the keyboard. */
  const focusUndo = () => element.querySelector("button")?.focus();
  const undo = async (changeId) => {
    try {
      const done = await post("/sdpt/api/history/undo", { change_id: changeId });
      tell(done.text, { changeId: done.change_id });
      await afterUndo();
    } catch (error) {
      tell(error.message, { isBad: true });
    }
  };
  return { element, tell, focusUndo };
}

export const action = (label, onClick, props = {}) =>
  h("button", { type: "button", ...props, on: { click: onClick } }, label);

/** Ask with a dialog. Resolves to what `value` gives when the person says yes, else to null. */
export function ask({ title, body = [], yes, value = () => true, isWide = false, isDangerous = false }) {
  return new Promise((resolve) => {
    let answer = null;
    const say = async () => {
      answer = await value();
      if (answer !== null && answer !== undefined && answer !== "") dialog.close();
    };
    const confirm = action(yes, say, { class: isDangerous ? "is-dangerous" : "is-primary", "data-testid": "dialog-yes" });
    const dialog = h(
      "dialog",
      { class: `sdpt-panel sdpt-dialog${isWide ? " is-wide" : ""}`, "aria-label": title, on: { close: () => {
        dialog.remove();
        resolve(answer);
      } } },
      h("h3", {}, title), ...body,
      h("div", { class: "sdpt-dialog-end" }, action("Cancel", () => { answer = null; dialog.close(); }), confirm),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

export const counted = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function table(titles, rows) {
  return h("table", {}, h("thead", {}, h("tr", {}, ...titles.map((t, i) => h("th", { class: i ? "is-number" : "" }, t)))), h("tbody", {}, ...rows));
}

export function when(iso) {
  const at = new Date(iso);
  const day = at.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
  return `${day}, ${at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}`;
}
