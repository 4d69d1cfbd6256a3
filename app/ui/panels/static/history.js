// The history: what was done, what changed since, what one image looked like, and going back.

import { h } from "../canvas/dom.js";
import { differenceView } from "./difference.js";
import { imageView } from "./image_history.js";
import { action, ask, counted, messageLine, table, when } from "./parts.js";
import { announce, get, loadWhenSeen, post } from "./talk.js";

const BASE = "/sdpt/api/history";

export function mount(host) {
  if (host.dataset.isMounted) return;
  host.dataset.isMounted = "yes";
  const lines = h("ol", { class: "sdpt-timeline", "data-testid": "history-lines" });
  const more = action("Earlier", () => load(more.dataset.until), { hidden: true, "data-testid": "history-more" });
  const detail = h("div", { class: "sdpt-detail", "data-testid": "history-detail" });
  const machine = h("div", {});
  const told = messageLine(() => changed());

  const fail = (error) => told.tell(error.message, { isBad: true });
  const known = []; // the lines that are listed, the newest first
  let again = () => overview(); // shows once more what stands on the right
  const changed = async () => {
    await refresh();
    await again();
    announce("history");
  };
  /** Do something that makes a deed; tell it, and show the new state. */
  const act = async (path, body) => {
    try {
      const done = await post(`${BASE}/${path}`, body);
      told.tell(done.text, { changeId: done.change_id });
      await changed();
    } catch (error) {
      fail(error);
    }
  };
  const show = (view) => {
    again = () => view().catch(fail);
    return again();
  };
  const showImage = (id) => show(() => imageView(detail, id, { act, back: overview }));
  const compare = (line) => {
    const chosen = { from: line, to: null };
    return show(() => differenceView(detail, chosen, { known, showImage, act, fail }));
  };
  const overview = () => show(async () =>
    detail.replaceChildren(h("p", { class: "sdpt-quiet" }, "Choose a line to see what changed since, or find an image.")));
  const load = async (until = null) => {
    const query = until ? `?until=${encodeURIComponent(until)}` : "";
    const page = await get(BASE + query);
    known.splice(until ? known.length : 0, Infinity, ...page.lines);
    const items = page.lines.map((line) => timelineItem(line, { compare, act }));
    if (until) lines.append(...items);
    else lines.replaceChildren(...(items.length ? items : [h("li", {}, "Nothing has happened yet.")]));
    more.hidden = page.next === null;
    more.dataset.until = page.next ?? "";
  };
  const refresh = async () => {
    try {
      await load();
      machine.replaceChildren(...machineRows((await get(`${BASE}/machine`)).bundles, act));
    } catch (error) {
      fail(error);
    }
  };

  host.replaceChildren(
    h("div", { class: "sdpt-history-left" },
      pointForm(act), told.element, lines, more,
      h("details", { class: "sdpt-machine", "data-testid": "machine" }, h("summary", {}, "Machine boxes of a bundle"), machine)),
    h("div", { class: "sdpt-history-right" }, finder(showImage, fail), detail),
  );
  overview();
  loadWhenSeen(host, "history", refresh);
}

function pointForm(act) {
  const name = h("input", { placeholder: "name this moment, to find it again", "aria-label": "Name of this moment", "data-testid": "point-name" });
  const save = async () => {
    if (!name.value.trim()) return name.focus();
    await act("points", { name: name.value.trim() });
    name.value = "";
  };
  return h("form", { class: "sdpt-bar-row", on: { submit: (event) => { event.preventDefault(); save(); } } },
    name, h("button", { type: "submit", "data-testid": "point-save" }, "Keep"));
}

function timelineItem(line, { compare, act }) {
  const isSaid = line.text.includes(` ${line.boxes} `); // the number of boxes is in the words already
  const size = line.boxes ? ` (${isSaid ? "" : `${counted(line.boxes, "box", "boxes")} `}on ${counted(line.images, "image")})` : "";
  const undo = line.can_undo && action("Undo", () => act("undo", { change_id: line.change_id }), { title: "Take only this back" });
  return h(
    "li", { class: `is-${line.kind}`, data: { testid: "history-line", kind: line.kind } },
    h("div", {}, h("b", {}, line.text), size),
    h("div", { class: "sdpt-line-end" },
      h("span", { class: "sdpt-quiet" }, `${when(line.at)}, ${line.author}`),
      action("Compare", () => compare(line), { title: "What changed since" }), undo),
  );
}

/** Find an image by a part of its path. */
function finder(showImage, fail) {
  const results = h("div", { class: "sdpt-found" });
  const look = async () => {
    try {
      const query = encodeURIComponent(input.value.trim());
      const { ids } = await get(`/sdpt/api/browse/ids?query=${query}`);
      const first = ids.slice(0, 12);
      const { cards } = first.length ? await get(`/sdpt/api/browse/cards?ids=${first.join(",")}`) : { cards: [] };
      const rest = ids.length > first.length ? ` and ${counted(ids.length - first.length, "more")}` : "";
      results.replaceChildren(...cards.map((card) => action(card.relative_path, () => showImage(card.id), { class: "is-link" })), h("span", { class: "sdpt-quiet" }, ids.length ? rest : "No image of that name."));
    } catch (error) {
      fail(error);
    }
  };
  const input = h("input", { placeholder: "part of an image's name", "aria-label": "Find an image", "data-testid": "history-find" });
  return h("div", {}, h("form", { class: "sdpt-bar-row", on: { submit: (event) => { event.preventDefault(); look(); } } },
    input, h("button", { type: "submit" }, "Find")), results);
}

function machineRows(bundles, act) {
  if (!bundles.length) return [h("p", { class: "sdpt-quiet" }, "No bundle has proposed anything yet.")];
  const remove = async (item, withAccepted) => {
    const gone = `${counted(item.pending, "waiting proposal")}${withAccepted ? ` and ${counted(item.accepted, "accepted box", "accepted boxes")}` : ""}`;
    const isSure = await ask({
      title: `Delete the machine boxes of ${item.name}?`,
      body: [h("p", {}, `${gone} on ${counted(item.images, "image")} are deleted. What people drew, corrected or rejected stays. Undo brings all of it back.`)],
      yes: "Delete",
      isDangerous: true,
    });
    if (isSure) await act("machine", { bundle_id: item.bundle_id, with_accepted: withAccepted });
  };
  const rows = bundles.map((item) => h("tr", {},
    h("td", {}, item.name),
    h("td", { class: "is-number" }, item.pending.toLocaleString("en")), h("td", { class: "is-number" }, item.accepted.toLocaleString("en")),
    h("td", { class: "sdpt-row-actions" },
      action("Delete waiting…", () => remove(item, false), { disabled: !item.pending }),
      action("Also accepted…", () => remove(item, true), { disabled: !item.accepted }))));
  return [table(["Bundle", "Waiting", "Accepted", ""], rows)];
}
