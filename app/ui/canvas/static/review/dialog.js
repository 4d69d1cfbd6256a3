// A dialog over the page, in the look of the canvas. Keys pressed in it stay in it.

import { button, h } from "../dom.js";

/** {element, body, open(), close()}; `onOpen` fills the body, `onKey` gets keydown events of the dialog. */
export function dialog({ title, testid, onOpen, onKey, onClose }) {
  const body = h("div", { class: "sdpt-sheet-body", tabindex: -1 });
  const message = h("div", { class: "sdpt-sheet-message", role: "status", hidden: true });
  const heading = h("h2", { id: `${testid}-title` }, title);
  const element = h(
    "dialog", { class: "sdpt-sheet", "data-testid": testid, "aria-labelledby": `${testid}-title` },
    h("header", {}, heading, message, button("×", { title: "Close (Esc)", class: "sdpt-close", onClick: () => element.close() })),
    body,
  );
  const say = (text, level = "bad") => {
    message.textContent = text ?? "";
    message.dataset.level = level;
    message.hidden = !text;
  };
  element.addEventListener("keydown", (event) => {
    event.stopPropagation();
    onKey?.(event);
  });
  // What had the focus may have been replaced: then keys arrive at the page, and must not reach the canvas below.
  const guard = (event) => {
    if (element.contains(event.target)) return;
    event.stopImmediatePropagation();
    body.focus();
    onKey?.(event);
  };
  element.addEventListener("close", () => {
    removeEventListener("keydown", guard, { capture: true });
    onClose?.();
  });
  const trying = async (work) => {
    try {
      say(null);
      return await work();
    } catch (error) {
      say(error.message);
      return undefined;
    }
  };
  return {
    element, body, say, trying,
    close: () => element.close(),
    open: () => {
      if (!element.open) element.showModal();
      body.focus(); // not on the button that closes it
      addEventListener("keydown", guard, { capture: true });
      return trying(() => onOpen());
    },
  };
}

/** Put these children, those that are there, in place of all others. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(Boolean));
}

export const percent = (share) => `${Math.round(100 * share)} %`;

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 90) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

/** Tell every canvas of the page that lists and proposals are to be asked for again. */
export function announceReview(...kinds) {
  dispatchEvent(new CustomEvent("sdpt:changed", { detail: { source: "page", kinds: ["review", ...kinds] } }));
}
