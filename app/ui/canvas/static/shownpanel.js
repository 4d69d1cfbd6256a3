// What of the image's boxes is shown, by source and by class.

import { button, h } from "./dom.js";
import { SOURCES } from "./shown.js";

export function shownPanel(session) {
  const summary = h("summary", { "data-testid": "canvas-shown" }, "Shown: all");
  const list = h("div", { class: "sdpt-shown-list" });
  const all = button("Show all", { title: "Show every class and source", "data-testid": "canvas-show-all", onClick: () => {
    session.shown.showAll();
    session.touch();
  } });
  let said = "";
  const update = () => {
    const { numHidden, shown } = session;
    summary.textContent = numHidden ? `Shown: ${numHidden} hidden` : "Shown: all";
    summary.classList.toggle("is-warning", numHidden > 0);
    all.hidden = !shown.hidesSome;
    const now = JSON.stringify([session.categories, [...shown.hiddenClasses], [...shown.hiddenSources]]);
    if (now === said) return;
    said = now;
    list.replaceChildren(
      ...SOURCES.map(([source, text]) => check(text, `canvas-show-${source}`, !shown.hiddenSources.has(source), () => {
        shown.toggleSource(source);
        session.touch();
      })),
      h("hr", {}),
      ...session.categories.map((c) => check(c.name, `canvas-show-class-${c.name}`, !shown.hiddenClasses.has(c.id), () => {
        shown.toggleClass(c.id);
        session.touch();
      })),
    );
  };
  for (const event of ["boxes", "image", "classes"]) session.addEventListener(event, update);
  update();
  return h("details", { class: "sdpt-shown" }, summary, all, list);
}

function check(text, testid, isOn, onChange) {
  const input = h("input", { type: "checkbox", checked: isOn, "data-testid": testid, on: { change: onChange } });
  return h("label", {}, input, text);
}
