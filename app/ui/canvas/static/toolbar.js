// The ways to draw, to look closer, and to leave the image.

import { button, h } from "./dom.js";

/** actions: see actions.js. */
export function toolBar(session, actions) {
  const tool = (text, title, command, testid) =>
    button(text, { title, command, onClick: actions[command], class: "sdpt-small", "data-testid": testid });
  const another = tool("Next guess", "Not that: the next guess at what was pointed at", "another", "canvas-another");
  actions.onWay((way) => (another.hidden = way !== "pointing"));
  return h(
    "div", { class: "sdpt-tools", role: "toolbar", "aria-label": "Tools" },
    wayButton(actions, "points", "4 points", "Draw by clicking the four outermost points"),
    wayButton(actions, "pointing", "Point", "Click on the middle of an object: its box is found"),
    another,
    tool("Duplicate", "Duplicate the selected box", "duplicate", "canvas-duplicate"),
    tool("Copy previous", "Copy the boxes of the previous image", "copyPrevious", "canvas-copy-previous"),
    tool("↶", "Undo", "undo", "canvas-undo"),
    tool("↷", "Redo", "redo", "canvas-redo"),
    tool("−", "Zoom out", "zoomOut", "canvas-zoom-out"),
    tool("+", "Zoom in", "zoomIn", "canvas-zoom-in"),
    tool("Fit", "Fit the image", "fit", "canvas-fit"),
    tool("1:1", "Original size", "actualSize", "canvas-actual"),
    h("span", { class: "sdpt-space" }),
    tool("Skip", "Put this image aside", "skip", "canvas-skip"),
    doneButton(session, actions),
    button("Done, next", { title: "Done, go to the next image", command: "done", class: "sdpt-primary",
      "data-testid": "canvas-done-next", onClick: actions.done }),
  );
}

/** way: one of WAYS of tools.js, and the command that turns it on and off. */
function wayButton(actions, way, text, title) {
  const element = button(text, { title, command: way, class: "sdpt-toggle", "data-testid": `canvas-${way}`, onClick: actions[way] });
  actions.onWay((chosen) => {
    const isOn = chosen === way;
    element.classList.toggle("is-on", isOn);
    element.setAttribute("aria-pressed", String(isOn));
  });
  return element;
}

function doneButton(session, actions) {
  const element = button("Done", {
    title: "This image is done, or open again", command: "toggleDone", class: "sdpt-toggle",
    "data-testid": "canvas-done", onClick: actions.toggleDone,
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
