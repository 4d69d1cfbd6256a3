// The effort meter: seconds per box and image, what tunings have brought, and what to do next.

import { getJson } from "../api.js";
import { h } from "../dom.js";
import { allTimed } from "./clock.js";
import { dialog, fill, percent, seconds } from "./dialog.js";

const STEPS = {
  label: "Label", tune: "Tune", prelabel: "Pre-label", review: "Review", by_hand: "Draw", audit: "Audit", finished: "Finished",
};

export const stepName = (advice) => STEPS[advice.step];

export function meterDialog() {
  const panel = dialog({ title: "Effort", testid: "review-effort", onOpen: load });

  async function load() {
    await allTimed(); // what was done a moment ago counts too
    show(await getJson("/sdpt/api/review/effort"));
  }

  function show(found) {
    const { by_hand, with_help, advice, costs } = found;
    const curve = found.curve.toSorted((a, b) => a.num_images - b.num_images || a.bundle_id - b.bundle_id);
    fill(panel.body,
      h("p", { class: "sdpt-advice", "data-testid": "effort-advice" }, h("b", {}, `${stepName(advice)}. `), advice.reason),
      table("effort-seconds", ["", "Seconds per box", "Seconds per image", "Boxes", "Images done", "Time"], [
        ["By hand", ...numbers(by_hand)], ["With proposals", ...numbers(with_help)],
      ]),
      h("p", { class: "sdpt-quiet" },
        `Measured in this browser while you work; a pause counts as 30 s at the most. Expected now: ${seconds(found.expected_seconds_per_object)} `
        + `an object with the proposals shown, ${seconds(costs.draw_s)} drawn by hand; ${found.images_left} images are left, `
        + `${found.objects_per_image} objects each.`),
      h("h3", {}, "What tunings have brought"),
      curve.length ? chart(curve, costs.draw_s) : null,
      table("effort-curve", ["Bundle", "Images learnt from", "Boxes", "AP50, held-out", "Objects found", "Seconds per object"],
        curve.map((p) => [p.name + (p.is_adopted ? " (in use)" : ""), p.num_images, p.num_boxes,
          p.ap50 === null ? "–" : percent(p.ap50), found_(p.found), seconds(p.seconds_per_object)])),
    );
  }

  return panel;
}

const numbers = (sum) => [
  seconds(sum.seconds_per_box), seconds(sum.seconds_per_image), sum.num_boxes, sum.num_images, seconds(sum.seconds),
];

const found_ = (share) =>
  share ? `${percent(share.value)} (${Math.round(100 * share.low)}–${Math.round(100 * share.high)})` : "–";

function table(testid, head, rows) {
  const cells = (tag, row) => h("tr", {}, ...row.map((text, index) => h(tag, { class: index ? "sdpt-number" : null }, text)));
  return h("table", { class: "sdpt-figures", "data-testid": testid },
    h("thead", {}, cells("th", head)), h("tbody", {}, ...rows.map((row) => cells("td", row))));
}

/** Seconds per object against labelled images; the dashed line is drawing by hand. */
function chart(curve, byHand) {
  const points = curve.filter((p) => p.seconds_per_object !== null);
  if (points.length < 2) return null;
  const [wide, high, edge] = [560, 150, 34];
  const mostX = Math.max(...points.map((p) => p.num_images), 1);
  const mostY = Math.max(...points.map((p) => p.seconds_per_object), byHand) * 1.1;
  const x = (n) => edge + (n / mostX) * (wide - edge - 12);
  const y = (s) => high - 22 - (s / mostY) * (high - 34);
  const path = points.map((p) => `${x(p.num_images)},${y(p.seconds_per_object)}`).join(" ");
  return svg("svg", { viewBox: `0 0 ${wide} ${high}`, class: "sdpt-chart", role: "img", "aria-label": "Seconds per object after each tuning" },
    svg("line", { x1: edge, x2: wide - 12, y1: y(byHand), y2: y(byHand), class: "is-hand" }),
    text(wide - 12, y(byHand) - 4, `by hand ${seconds(byHand)}`, "end"),
    svg("line", { x1: edge, x2: wide - 12, y1: y(0), y2: y(0) }),
    svg("polyline", { points: path }),
    ...points.flatMap((p) => [
      svg("circle", { cx: x(p.num_images), cy: y(p.seconds_per_object), r: 4 }),
      text(x(p.num_images), y(p.seconds_per_object) - 8, seconds(p.seconds_per_object), "middle"),
      text(x(p.num_images), high - 6, p.num_images, "middle"),
    ]),
    text(0, 10, "s per object", "start"));
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function text(x, y, words, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, document.createTextNode(String(words)));
}
