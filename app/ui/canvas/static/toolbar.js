// The ways to draw, to look closer, and to leave the image.

import { button, h } from "./dom.js";
import { copyFromPrevious } from "./editing.js";
import { done, skip, toggleDone } from "./walking.js";

/** actions: see actions.js. */
export function toolBar(session, actions) {
  const tool = (text, title, onClick, testid) => button(text, { title, onClick, class: "sdpt-small", "data-testid": testid });
  return h(
    "div", { class: "sdpt-tools", role: "toolbar", "aria-label": "Tools" },
    pointsButton(actions),
    tool("Duplicate", "Duplicate the selected box (Ctrl D)", actions.duplicate, "canvas-duplicate"),
    tool("Copy previous", "Copy the boxes of the previous image (C)", () => copyFromPrevious(session), "canvas-copy-previous"),
    tool("↶", "Undo (Ctrl Z)", actions.undo, "canvas-undo"),
    tool("↷", "Redo (Ctrl Y)", actions.redo, "canvas-redo"),
    tool("−", "Zoom out", actions.zoomOut, "canvas-zoom-out"),
    tool("+", "Zoom in", actions.zoomIn, "canvas-zoom-in"),
    tool("Fit", "Fit the image (F)", actions.fit, "canvas-fit"),
    tool("1:1", "Original size (O)", actions.actualSize, "canvas-actual"),
    h("span", { class: "sdpt-space" }),
    tool("Skip", "Put this image aside (S)", () => skip(session), "canvas-skip"),
    doneButton(session),
    button("Done, next", { title: "Done, go to the next image (Enter)", class: "sdpt-primary",
      "data-testid": "canvas-done-next", onClick: () => done(session) }),
  );
}

function pointsButton(actions) {
  const element = button("4 points", { title: "Draw by clicking the four outermost points (E)", class: "sdpt-toggle",
    "data-testid": "canvas-points", onClick: actions.points });
  actions.onPoints((isOn) => {
    element.classList.toggle("is-on", isOn);
    element.setAttribute("aria-pressed", String(isOn));
  });
  return element;
}

function doneButton(session) {
  const element = button("Done", {
    title: "This image is done, or open again (Enter: done and next)", class: "sdpt-toggle",
    "data-testid": "canvas-done", onClick: () => toggleDone(session),
  });
  const update = () => {
    const image = session.state?.image;
    element.classList.toggle("is-on", Boolean(image?.is_reviewed));
    element.setAttribute("aria-pressed", String(Boolean(image?.is_reviewed)));
    element.disabled = !image;
  };
  for (const event of ["image", "boxes"]) session.addEventListener(event, update);
  return element;
}
