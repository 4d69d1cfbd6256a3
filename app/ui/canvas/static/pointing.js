// Which of the boxes that were found, but are not shown, a pointer means.

import { contains, height, intersectionOverUnion, width } from "./geometry.js";

const NEAR = 0.2;
const SAME_OBJECT_IOU = 0.5;

/** The candidates ({box, score}) that lie on none of the `seen` boxes. */
export function unseen(candidates, seen) {
  return candidates.filter(({ box }) => !seen.some((other) => intersectionOverUnion(other, box) >= SAME_OBJECT_IOU));
}

/** The candidate under {x, y}, or null. The rule is `best_at` of app/pointing.py: surest, and near its middle. */
export function candidateAt(candidates, point) {
  let best = null;
  let most = -1;
  for (const candidate of candidates) {
    if (!contains(candidate.box, point)) continue;
    const worth = candidate.score * nearness(candidate.box, point);
    if (worth > most) [best, most] = [candidate, worth];
  }
  return best;
}

/** 1 at the middle of the box, next to 0 at its edges. */
function nearness(box, { x, y }) {
  const dx = (x - (box[0] + box[2]) / 2) / width(box);
  const dy = (y - (box[1] + box[3]) / 2) / height(box);
  return Math.exp(-((Math.hypot(dx, dy) / NEAR) ** 2));
}
