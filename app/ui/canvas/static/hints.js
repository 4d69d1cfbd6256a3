// Tells on each button which key does the same, also after the keys were changed.

import { shownKey } from "./keymap.js";

/** Buttons say their command in data-command; their title is what they do. */
export function keepHints(host, keymap) {
  const update = () => {
    for (const element of host.querySelectorAll("[data-command][data-hint]")) {
      const keys = keymap.keysOf(element.dataset.command).map(shownKey);
      element.title = keys.length ? `${element.dataset.hint} (${keys.join(", ")})` : element.dataset.hint;
    }
  };
  keymap.addEventListener("change", update);
  update();
}
