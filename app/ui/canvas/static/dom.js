// Small DOM builder. Text always goes in as text nodes, so no name of a class or file can become markup.

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `title`, `on` ({event: handler}), `data`, `style`, attributes
 * @param {...(Node|string|number|null|undefined|false)} children
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") {
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false).map(asNode));
  return element;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * A button that never keeps the keyboard focus after a click: keys belong to the canvas. `command` is the one of
 * keymap.js that does the same; see hints.js.
 */
export function button(label, { title, onClick, command, ...props }, ...more) {
  const data = command ? { command, hint: title } : {};
  return h(
    "button",
    { type: "button", title, "aria-label": title, data, ...props, on: { click: onClick, mousedown: keepFocus } },
    label,
    ...more,
  );
}

function keepFocus(event) {
  event.preventDefault();
}

/** Whether a dialog is open, which has all keys, even when what had the keyboard in it has just gone. */
export const isDialogOpen = () => document.querySelector("dialog:modal") !== null;

const LETTERLESS = "[type=range], [type=checkbox], [type=radio], [type=button], [type=submit]";

/** Whether letters that are typed there are its own: on a slider or a checkbox they are commands. */
export function takesLetters(target) {
  const field = target.closest?.("input, textarea, select, [contenteditable=''], [contenteditable=true]");
  return field != null && !field.matches(LETTERLESS);
}

/** Black or white, whichever is read better on a "#rrggbb" ground: at least 4.5 : 1 (WCAG relative luminance). */
export function inkOn(color) {
  const channel = (i) => {
    const c = parseInt(color.slice(i, i + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return luminance > 0.179 ? "#000000" : "#ffffff";
}

/** 32 hex digits, a version 4 uuid; randomUUID is missing on plain http from another machine. */
export function newUid() {
  if (crypto.randomUUID) return crypto.randomUUID().replaceAll("-", "");
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** At most one call per animation frame. */
export function oncePerFrame(run) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      run();
    });
  };
}
