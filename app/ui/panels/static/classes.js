// The classes: rename, prompt text, colour, order, merge, split, remove. Every line is saved when it is left.

import { h } from "../canvas/dom.js";
import { action, ask, counted, messageLine } from "./parts.js";
import { chooseBoxes } from "./split.js";
import { announce, get, loadWhenSeen, post } from "./talk.js";

const BASE = "/sdpt/api/class-work";
const NOTHING = "No class yet. Add the first one below: a name, and the words the model should look for.";

export function mount(host) {
  if (host.dataset.isMounted) return;
  host.dataset.isMounted = "yes";
  const list = h("div", { class: "sdpt-class-rows" });
  const stale = h("div", { class: "sdpt-stale", role: "note", "data-testid": "stale-bundles", hidden: true });
  const told = messageLine(async () => {
    await load();
    announce("classes");
  });
  const form = newClassForm((asked) => act("add", asked));
  host.replaceChildren(stale, list, form.element, told.element);

  const show = (state) => {
    stale.hidden = !state.stale.length;
    stale.replaceChildren(...state.stale.map((sentence) => h("div", {}, sentence)));
    const rows = state.categories.map((item) => row(item, state.categories, act));
    keepingFocus(list, () => list.replaceChildren(...(rows.length ? [header(), ...rows] : [h("p", {}, NOTHING)])));
  };
  const load = async () => {
    try {
      const state = await get(BASE);
      show(state);
      const isIdle = document.activeElement === document.body;
      if (isIdle && !state.categories.length) form.name.focus(); // nothing else can be done yet
    } catch (error) {
      told.tell(error.message, { isBad: true });
    }
  };
  /** Send one deed, show what it made of the classes, and offer to undo it. */
  const act = async (path, body, { takesAway = false } = {}) => {
    try {
      const done = await post(`${BASE}/${path}`, body);
      show(done);
      if (done.change_id) told.tell(`${done.text}.`, { changeId: done.change_id });
      if (takesAway) told.focusUndo(); // the row that had the keyboard is gone
      announce("classes");
      return true;
    } catch (error) {
      told.tell(error.message, { isBad: true });
      await load();
      return false;
    }
  };
  loadWhenSeen(host, "classes", load);
}

/** `add` resolves to whether the class was taken. */
function newClassForm(add) {
  const input = (placeholder) => h("input", { type: "text", placeholder, autocomplete: "off", spellcheck: "false" });
  const name = input("cell");
  const words = input("the name, if left empty");
  let sent = Promise.resolve();
  const send = async (asked) => {
    if ((await add(asked)) || name.value || words.value) return;
    [name.value, words.value] = [asked.name, asked.prompt_text];
  };
  const submit = (event) => {
    event.preventDefault();
    const asked = { name: name.value, prompt_text: words.value };
    // Emptied at once, not by the answer: that would take letters of the next name with it.
    name.value = words.value = "";
    name.focus();
    sent = sent.then(() => send(asked));
  };
  const element = h(
    "form", { class: "sdpt-new-class", on: { submit } },
    h("label", { id: "class-name" }, "New class", name), h("label", { id: "class-prompt" }, "Prompt text", words),
    h("button", { id: "class-add", class: "is-primary" }, "Add class"),
  );
  return { element, name };
}

/** `change` makes the rows anew: the keyboard goes back to what had it, or beside that where it can be pressed no more. */
function keepingFocus(list, change) {
  const held = document.activeElement;
  const row = list.contains(held) ? held.closest("[data-id]") : null;
  const place = row ? controls(row).indexOf(held) : -1;
  change();
  if (place < 0) return;
  const again = controls(list.querySelector(`[data-id="${row.dataset.id}"]`));
  [again[place], again[place - 1], again[place + 1]].find((control) => control && !control.disabled)?.focus();
}

const controls = (row) => [...(row?.querySelectorAll("button, input") ?? [])];

function header() {
  const cell = (text, kind = "") => h("span", { class: kind }, text);
  return h(
    "div", { class: "sdpt-class-row is-header", "aria-hidden": "true" },
    cell(""), cell(""), cell("Class"), cell("Prompt text"), cell("Boxes", "is-number"), cell(""),
  );
}

function row(item, all, act) {
  const save = (field) => ({ target }) => {
    if (target.value.trim() && target.value !== item[field]) act(item.id, { [field]: target.value });
    else target.value = item[field];
  };
  const leave = (field) => ({ key, target }) => {
    if (key === "Escape") target.value = item[field];
  };
  const input = (field, label, type = "text") =>
    h("input", {
      type, value: item[field], "aria-label": `${label} of ${item.name}`, "data-testid": `class-${field}`,
      spellcheck: "false", on: { change: save(field), keydown: leave(field) },
    });
  return h(
    "div", { class: "sdpt-class-row", role: "group", "aria-label": item.name, data: { id: item.id, name: item.name, testid: "class-row" } },
    // Said by screen readers before the fields of the row.
    h("span", { class: "sdpt-order" }, h("span", { class: "sdpt-heard" }, item.name), mover(item, all, act, -1), mover(item, all, act, 1)),
    input("color", "Colour", "color"), input("name", "Name"), input("prompt_text", "Prompt text"),
    h("span", { class: "is-number", "data-testid": "class-boxes" }, item.num_boxes.toLocaleString("en")),
    h(
      "span", { class: "sdpt-row-actions" },
      action("Split…", () => split(item, all, act), { title: `Move some boxes of ${item.name} to another class`, disabled: !item.num_boxes }),
      action("Merge…", () => merge(item, all, act), { title: `Give all boxes of ${item.name} to another class`, disabled: all.length < 2 }),
      action("Remove…", () => remove(item, act), { title: `Remove ${item.name} and its boxes` }),
    ),
  );
}

function mover(item, all, act, step) {
  const at = all.findIndex((other) => other.id === item.id);
  const ids = all.map((other) => other.id);
  const move = () => {
    [ids[at], ids[at + step]] = [ids[at + step], ids[at]];
    act("order", { ids });
  };
  const label = `Move ${item.name} ${step < 0 ? "up" : "down"}`;
  return action(step < 0 ? "▲" : "▼", move, { title: label, "aria-label": label, disabled: ids[at + step] === undefined });
}

async function merge(item, all, act) {
  const target = h(
    "select", { "aria-label": "Merge into", "data-testid": "merge-into" },
    ...all.filter((other) => other.id !== item.id).map((other) => h("option", { value: other.id }, other.name)),
  );
  const into = await ask({
    title: `Merge ${item.name}`,
    body: [h("label", {}, `${counted(item.num_boxes, "box", "boxes")} and all proposals of ${item.name} become `, target)],
    yes: "Merge",
    value: () => Number(target.value),
  });
  if (into) await act(`${item.id}/merge`, { into_id: into }, { takesAway: true });
}

async function remove(item, act) {
  const use = await get(`${BASE}/${item.id}/use`);
  const gone = `${counted(use.boxes, "box", "boxes")} on ${counted(use.images, "image")} and ${counted(use.proposals, "proposal")}`;
  const isSure = await ask({
    title: `Remove the class ${item.name}?`,
    body: [h("p", {}, `${gone} go with it. Undo brings all of it back, here or in History.`)],
    yes: "Remove",
    isDangerous: true,
  });
  if (isSure) await act(`${item.id}/remove`, {}, { takesAway: true });
}

async function split(item, all, act) {
  const chosen = await chooseBoxes(item, all);
  if (chosen) await act(`${item.id}/split`, chosen);
}
