// Boxes are [x1, y1, x2, y2] in float pixels of the upright image, origin top left.

export const SMALLEST_PX = 1;
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export const width = (box) => box[2] - box[0];
export const height = (box) => box[3] - box[1];
export const area = (box) => width(box) * height(box);
export const isSame = (a, b) => a.every((value, i) => value === b[i]);

export function fromCorners(a, b) {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The part of a box that lies in the image. */
export function clipped(box, size) {
  return [
    clamp(box[0], 0, size.width), clamp(box[1], 0, size.height),
    clamp(box[2], 0, size.width), clamp(box[3], 0, size.height),
  ];
}

export function isLargeEnough(box) {
  return width(box) >= SMALLEST_PX && height(box) >= SMALLEST_PX;
}

/** Edges named by `sides` ("nesw") that come within `reach` of the image's border lie on it. */
export function snapped(box, size, reach, sides = "nesw") {
  const out = [...box];
  if (sides.includes("w") && Math.abs(out[0]) <= reach) out[0] = 0;
  if (sides.includes("n") && Math.abs(out[1]) <= reach) out[1] = 0;
  if (sides.includes("e") && Math.abs(size.width - out[2]) <= reach) out[2] = size.width;
  if (sides.includes("s") && Math.abs(size.height - out[3]) <= reach) out[3] = size.height;
  return out;
}

/** Moved onto the border of the image where it comes within `reach` of it; its size stays. */
export function docked(box, size, reach) {
  const shift = (low, high, room) => (Math.abs(low) <= reach ? -low : Math.abs(room - high) <= reach ? room - high : 0);
  return moved(box, shift(box[0], box[2], size.width), shift(box[1], box[3], size.height), size);
}

/** The smallest box around points [{x, y}, ...]. */
export function around(points) {
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

export function intersectionOverUnion(a, b) {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (w <= 0 || h <= 0) return 0;
  return (w * h) / (area(a) + area(b) - w * h);
}

/** Moved by (dx, dy) but kept whole inside the image. */
export function moved(box, dx, dy, size) {
  const x = clamp(dx, -box[0], size.width - box[2]);
  const y = clamp(dy, -box[1], size.height - box[3]);
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

/** The same box `by` pixels to the lower right; where the border leaves no room, to the other side. */
export function beside(box, by, size) {
  const side = (high, room) => (high + by <= room ? by : -by);
  return moved(box, side(box[2], size.width), side(box[3], size.height), size);
}

/** With the edges that `handle` names pulled by (dx, dy); never smaller than the smallest box. */
export function resized(box, handle, dx, dy, size) {
  const out = [...box];
  if (handle.includes("w")) out[0] = clamp(box[0] + dx, 0, box[2] - SMALLEST_PX);
  if (handle.includes("e")) out[2] = clamp(box[2] + dx, box[0] + SMALLEST_PX, size.width);
  if (handle.includes("n")) out[1] = clamp(box[1] + dy, 0, box[3] - SMALLEST_PX);
  if (handle.includes("s")) out[3] = clamp(box[3] + dy, box[1] + SMALLEST_PX, size.height);
  return out;
}

/** The edge that somebody means who points at where it should be: beyond the box the one that is farthest off, within
 * it the nearest. */
function edgeMeant(box, { x, y }) {
  const beyond = { w: box[0] - x, n: box[1] - y, e: x - box[2], s: y - box[3] }; // negative within
  return Object.keys(beyond).reduce((a, b) => (beyond[b] > beyond[a] ? b : a));
}

/** With that edge at the point. */
export function withEdgeAt(box, point, size) {
  const edge = edgeMeant(box, point);
  const [x, y] = [edge === "e" ? box[2] : box[0], edge === "s" ? box[3] : box[1]];
  return resized(box, edge, point.x - x, point.y - y, size);
}

/** Where the eight handles are: [[name, x, y], ...]. */
export function handles(box) {
  const mx = (box[0] + box[2]) / 2;
  const my = (box[1] + box[3]) / 2;
  const x = { w: box[0], e: box[2] };
  const y = { n: box[1], s: box[3] };
  return HANDLES.map((name) => [name, x[name.at(-1)] ?? mx, y[name[0]] ?? my]);
}

/** The handle within `reach` of the point, corners first; edges can be gripped along their length. */
export function handleAt(box, point, reach) {
  const near = (a, b) => Math.abs(a - b) <= reach;
  const inX = point.x >= box[0] - reach && point.x <= box[2] + reach;
  const inY = point.y >= box[1] - reach && point.y <= box[3] + reach;
  if (!inX || !inY) return null;
  const vertical = near(point.y, box[1]) ? "n" : near(point.y, box[3]) ? "s" : "";
  const horizontal = near(point.x, box[0]) ? "w" : near(point.x, box[2]) ? "e" : "";
  return vertical + horizontal || null;
}

export function contains(box, point) {
  return point.x >= box[0] && point.x <= box[2] && point.y >= box[1] && point.y <= box[3];
}

/** Whether the point lies within `reach` of the outline. */
export function isOnOutline(box, point, reach) {
  return handleAt(box, point, reach) !== null;
}

export const cursorOf = (handle) =>
  ({ n: "ns", s: "ns", e: "ew", w: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" })[handle] + "-resize";
