// One class in the dialog of thresholds.

import { button, h } from "../dom.js";
import { percent } from "./dialog.js";

/** The surest proposal of each image as one more row; without a score of its own it shows as its class does. */
export const surestRow = (found) => ({
  ...found, id: "surest", name: "Surest of image", color: null, threshold: found.threshold ?? 1, default: 1,
  is_own: found.threshold !== null, unset: "as its class",
  about: "An image shows its surest proposal from here on, even below the threshold of its class",
});

const hundredths = (score) => Math.round(100 * score);

export class ThresholdRow {
  #stored; // the class as the server has it
  #isMoving = false; // between the first move of a slider and its end

  /** `set({id: score or null})` saves. */
  constructor(c, set) {
    this.id = c.id;
    this.#stored = c;
    this.value = h("output", { class: "sdpt-number" });
    this.number = h("td", { class: "sdpt-number", "data-testid": `count-${c.name}` });
    this.precision = h("td", { "data-testid": `precision-${c.name}` });
    this.recall = h("td", { "data-testid": `recall-${c.name}` });
    const mark = `marks-${c.id}`;
    this.slider = h("input", { type: "range", min: 0, max: 100, step: 1, list: mark,
      "aria-label": `Show ${c.name} from`, "data-testid": `threshold-${c.name}` });
    this.slider.addEventListener("input", () => { this.#isMoving = true; this.#tell(); });
    this.slider.addEventListener("change", () => { this.#isMoving = false; set({ [c.id]: this.#asked() }); });
    // Back where it began there is no change, only an end.
    for (const end of ["pointerup", "pointercancel", "blur"]) this.slider.addEventListener(end, () => { this.#isMoving = false; });
    const back = c.unset ? `Back to: ${c.unset}` : `Back to ${c.default.toFixed(2)}`;
    this.reset = button("↺", { title: back, "aria-label": back, class: "sdpt-icon",
      onClick: () => { this.slider.value = hundredths(c.default); set({ [c.id]: null }); } });
    this.state = h("span", { class: "sdpt-quiet" });
    this.element = h("tr", { "data-testid": `row-${c.name}` },
      h("td", { title: c.about }, c.color && h("i", { class: "sdpt-dot", style: { background: c.color } }), c.name),
      h("td", {}, this.slider, h("datalist", { id: mark }, h("option", { value: hundredths(c.default) }))),
      h("td", {}, this.value), this.number, this.precision, this.recall, h("td", {}, this.reset, this.state));
  }

  /** `saving`: saved, saving or unsaved. A slider that is held or not saved stays where the person put it. */
  show(c, saving) {
    this.#stored = c;
    if (saving === "saved" && !this.#isMoving) this.slider.value = hundredths(c.threshold);
    this.element.dataset.saving = saving;
    this.reset.hidden = saving !== "saved" || !c.is_own;
    this.state.hidden = !this.reset.hidden;
    const words = { saving: "saving…", unsaved: "not saved", saved: c.unset ?? (c.is_measured ? "best" : "not measured") };
    this.state.textContent = words[saving];
    this.#tell();
  }

  /** Right at its end, the surest of an image has no score of its own. */
  #asked() {
    const place = Number(this.slider.value);
    return this.#stored.unset && place === 100 ? null : place / 100;
  }

  #tell() {
    const c = this.#stored;
    const place = Number(this.slider.value);
    this.value.textContent = this.#asked() === null ? "off" : (place / 100).toFixed(2);
    const isNow = place === hundredths(c.threshold);
    this.number.textContent = isNow ? c.num_shown.toLocaleString("en") : `≤ ${c.at_least[place].toLocaleString("en")}`;
    this.number.title = isNow ? `on ${c.num_images} images` : "before duplicates are merged";
    this.precision.replaceChildren(...range(c.precision[place]));
    this.recall.replaceChildren(...range(c.recall[place]));
  }
}

/** A share with its interval as text and as a bar. */
function range(numbers) {
  if (!numbers) return [h("span", { class: "sdpt-quiet" }, "unknown")];
  const [value, low, high] = numbers;
  const bar = h("span", { class: "sdpt-range", "aria-hidden": "true" },
    h("i", { style: { left: `${100 * low}%`, width: `${100 * (high - low)}%` } }), h("b", { style: { left: `${100 * value}%` } }));
  return [bar, `${percent(value)} `, h("span", { class: "sdpt-quiet" }, `(${Math.round(100 * low)}–${Math.round(100 * high)})`)];
}
