// What changed between two moments, in total and per image, and the way back to the first of them.

import { h } from "../canvas/dom.js";
import { action, ask, counted, table, when } from "./parts.js";
import { get } from "./talk.js";

const FATES = ["added", "removed", "moved", "reclassed"];
const LONGEST = 60; // letters of a moment in the list

/** `chosen`: {from: line, to: line, or null for now}; kept by the caller, so that a reload shows the same two. */
export async function differenceView(detail, chosen, { known, showImage, act, fail }) {
  const { from } = chosen;
  const numbers = h("div", { "aria-live": "polite" });
  const look = async () => {
    const { to } = chosen;
    const found = await difference(from, to);
    if (to !== chosen.to) return; // another moment was chosen meanwhile
    const rows = found.images.map((item) => h("tr", {},
      h("td", {}, action(item.relative_path, () => showImage(item.id), { class: "is-link" })),
      ...FATES.map((key) => h("td", { class: "is-number" }, item[key] || ""))));
    numbers.replaceChildren(
      h("p", { "data-testid": "difference-total" }, `${words(found.total)} on ${counted(found.num_images, "image")}.`),
      ...(rows.length ? [table(["Image", "Added", "Removed", "Moved", "Reclassed"], rows)] : []),
      ...(found.num_images > rows.length ? [h("p", { class: "sdpt-quiet" }, `and ${counted(found.num_images - rows.length, "more image")}`)] : []),
    );
  };
  const restore = async () => {
    const { total, num_images: number } = await difference(from, null);
    const isSure = await ask({
      title: "Restore the whole project?",
      body: [h("p", {}, `All boxes and classes go back to how they were after “${from.text}” (${when(from.at)}). ${words(total)} since then on ${counted(number, "image")} is taken back. Nothing leaves the history: Undo brings today back.`)],
      yes: "Restore",
    });
    if (isSure) await act("restore", { point: from.point });
  };
  await look();
  detail.replaceChildren(
    h("dl", { class: "sdpt-moments" },
      h("dt", {}, "From"), h("dd", {}, h("b", {}, from.text), h("span", { class: "sdpt-quiet" }, when(from.at)),
        action("Restore the project to here…", () => restore().catch(fail), { "data-testid": "restore-project" })),
      h("dt", {}, "to"), h("dd", {}, endOf(chosen, known, () => look().catch(fail)))),
    numbers,
  );
}

/** The second moment: now, or any that came after the first. */
function endOf(chosen, known, look) {
  const later = known.filter((line) => isAfter(line, chosen.from));
  if (chosen.to && !later.some((line) => line.point === chosen.to.point)) later.push(chosen.to);
  const options = later.map((line) => h("option", { value: line.point }, `${shortened(line.text)} (${when(line.at)})`));
  const select = h("select", { "aria-label": "Compare with", "data-testid": "difference-to", on: { change: () => {
    chosen.to = later.find((line) => line.point === select.value) ?? null;
    look();
  } } }, h("option", { value: "now" }, "now"), ...options);
  select.value = chosen.to?.point ?? "now";
  return select;
}

const difference = (from, to) =>
  get(`/sdpt/api/history/difference?a=${encodeURIComponent(from.point)}&b=${encodeURIComponent(to?.point ?? "now")}`);

/** A point is written "event.deed", and neither number ever falls. */
function isAfter(line, other) {
  const [event, deed] = line.point.split(".").map(Number);
  const [otherEvent, otherDeed] = other.point.split(".").map(Number);
  return event > otherEvent || (event === otherEvent && deed > otherDeed);
}

const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

const words = (n) =>
  `${counted(n.added, "box", "boxes")} added, ${n.removed.toLocaleString("en")} removed, ${n.moved.toLocaleString("en")} moved, ${n.reclassed.toLocaleString("en")} reclassed`;
