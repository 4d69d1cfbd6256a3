// Which images are in the list: by state, name, class and score.

import { button, h } from "./dom.js";
import { setSearch } from "./walking.js";

const STATES = [
  ["all", "All images"], ["unlabelled", "Without boxes"], ["labelled", "With boxes"],
  ["unreviewed", "Not done"], ["reviewed", "Done"], ["has_none", "Has none"], ["with_proposals", "With proposals"],
  ["skipped", "Skipped"], ["flagged", "Flagged"], ["commented", "Commented"], ["suggested", "Suggested next"],
];
const TYPING_MS = 250;

/** toImage: give the keyboard back to the image. */
export function filterBox(session, toImage) {
  const search = h("input", { type: "text", role: "searchbox", placeholder: "Find by name", "aria-label": "Find image by name",
    "data-testid": "canvas-search" });
  const state = h("select", { "aria-label": "Which images", "data-testid": "canvas-filter" },
    ...STATES.map(([value, text]) => h("option", { value }, text)));
  const category = h("select", { "aria-label": "With this class", "data-testid": "canvas-filter-class" });
  const score = (label, testid) => h("input", { type: "number", min: 0, max: 1, step: 0.05, "aria-label": label, "data-testid": testid });
  const from = score("Scores from", "canvas-filter-from");
  const to = score("Scores to", "canvas-filter-to");
  const more = h("summary", { "data-testid": "canvas-filter-more" }, "Filter");
  const apply = () => {
    const isNarrowed = Boolean(category.value || from.value || to.value);
    more.classList.toggle("is-on", isNarrowed);
    more.textContent = isNarrowed ? "Filter ●" : "Filter";
    const asked = { state: state.value, query: search.value, category_id: category.value, score_from: from.value, score_to: to.value };
    setSearch(session, asked).catch((error) => session.say(error.message, "bad"));
  };
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, TYPING_MS);
  });
  search.addEventListener("keydown", ({ key }) => {
    if (key !== "Enter" && key !== "Escape") return;
    if (key === "Escape") search.value = "";
    clearTimeout(timer);
    apply();
    toImage();
  });
  for (const part of [state, category, from, to]) part.addEventListener("change", apply);
  // Letters typed into the list choose in it. Would the first one give the keyboard away, the rest were commands.
  let isPointing = false;
  state.addEventListener("pointerdown", () => (isPointing = true));
  state.addEventListener("keydown", (event) => {
    isPointing = false;
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    toImage();
  });
  state.addEventListener("change", () => isPointing && toImage());
  session.addEventListener("classes", () => {
    const chosen = category.value;
    category.replaceChildren(h("option", { value: "" }, "Any class"),
      ...session.categories.map((c) => h("option", { value: c.id }, c.name)));
    category.value = chosen;
    if (category.value !== chosen) category.value = "";
  });
  const clear = button("Clear", { title: "No filter", "data-testid": "canvas-filter-clear", onClick: () => {
    for (const part of [category, from, to]) part.value = "";
    apply();
  } });
  const popover = h("details", { class: "sdpt-popover" }, more, h("div", { class: "sdpt-popover-box" },
    h("label", {}, "Class", category),
    h("label", {}, "A proposal scored", h("span", { class: "sdpt-pair" }, from, "to", to)), clear));
  addEventListener("pointerdown", (event) => !popover.contains(event.target) && (popover.open = false));
  popover.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    popover.open = false;
    more.focus();
  });
  return { element: h("span", { class: "sdpt-filters" }, state, search, popover), focusSearch: () => search.focus() };
}
