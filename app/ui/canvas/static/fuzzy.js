// Finding a name by some of its letters: "rbc" or "red c" finds "red blood cell".

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** How well `text` fits, higher is better; null when not all letters of the query come in it in order. */
export function fit(query, text) {
  const wanted = fold(query).replace(/\s+/g, "");
  const name = fold(text);
  const best = walk(wanted, name, 0, -1, new Map());
  if (best === null) return null;
  return best - name.length / 100 + (name.startsWith(fold(query).trim()) ? 5 : 0);
}

/** The best way to meet `wanted[i..]` after position `at` of the name: 3 for going on, 2 for a word's beginning. */
function walk(wanted, name, i, at, known) {
  if (i === wanted.length) return 0;
  const key = i * (name.length + 1) + at + 1;
  if (known.has(key)) return known.get(key);
  let best = null;
  for (let next = name.indexOf(wanted[i], at + 1); next >= 0; next = name.indexOf(wanted[i], next + 1)) {
    const rest = walk(wanted, name, i + 1, next, known);
    if (rest === null) continue;
    const here = i > 0 && next === at + 1 ? 3 : isWordStart(name, next) ? 2 : 0;
    if (best === null || here + rest > best) best = here + rest;
  }
  known.set(key, best);
  return best;
}

const isWordStart = (name, at) => at === 0 || /[^\p{L}\p{N}]/u.test(name[at - 1]);

/** Best first, at most `most`; all in their order for an empty query. */
export function bestFits(query, items, textOf, most = 50) {
  if (!query.trim()) return items.slice(0, most);
  const found = items.map((item) => [fit(query, textOf(item)), item]).filter(([score]) => score !== null);
  return found.sort((a, b) => b[0] - a[0]).slice(0, most).map(([, item]) => item);
}
