// The classes with their digits.

import { digitOf } from "./dialogs.js";
import { button, h, inkOn } from "./dom.js";
import { addClass, chooseClass } from "./editing.js";

/** The pressed class is drawn next. actions: {pick()}. */
export function classBar(session, actions) {
  const chips = h("div", { class: "sdpt-chips", role: "group", "aria-label": "Classes" });
  const input = h("input", { placeholder: "New class…", "aria-label": "New class", maxlength: 200,
    "data-testid": "canvas-new-class" });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") input.blur();
    if (event.key !== "Enter" || !input.value.trim()) return;
    if (await addClass(session, input.value)) {
      input.value = "";
      input.blur();
    }
  });
  const update = () => chips.replaceChildren(...session.categories.map((c, index) => chip(session, c, index)));
  session.addEventListener("classes", update);
  session.addEventListener("needclass", () => input.focus());
  const find = button("Find…", { title: "Choose a class by typing", command: "pick", "data-testid": "canvas-pick", onClick: actions.pick });
  return h("div", { class: "sdpt-classes" }, chips, find, input);
}

function chip(session, category, index) {
  const digit = digitOf(index);
  const { ring } = session.category(category.id);
  const isOn = category.id === session.currentClass;
  return button(
    category.name,
    { title: digit ? `${category.name} (key ${digit})` : category.name,
      class: `sdpt-chip-button ring-${ring}${isOn ? " is-on" : ""}`, "aria-pressed": String(isOn),
      "data-testid": `canvas-class-${category.name}`,
      style: { "--class-color": category.color, "--class-ink": inkOn(category.color) },
      onClick: () => chooseClass(session, category.id) },
    digit ? h("kbd", {}, digit) : null,
  );
}
