// Requests to our own server, and what panels tell each other. No time limit: restoring a large project takes its time.

let workspace = null; // the promise of this page's workspace

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The server does not answer. Nothing was changed.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? `The server answered ${response.status}.`);
  return body;
}

export const get = (path) => ask(path);

export async function post(path, body = {}) {
  workspace ??= ask("/sdpt/api/session").then((session) => session.workspace);
  const headers = { "content-type": "application/json", "x-sdpt": "panel", "x-sdpt-workspace": await workspace };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Tell canvases and other panels that classes or boxes are not what they were. */
export function announce(source) {
  const detail = { source, kinds: ["all", "classes"] };
  window.dispatchEvent(new CustomEvent("sdpt:changed", { detail }));
}

/** Call `load` when `host` comes into sight, and again when somebody else has changed something. */
export function loadWhenSeen(host, source, load) {
  let isStale = true;
  const look = () => {
    if (!isStale || !host.offsetParent) return;
    isStale = false;
    load();
  };
  new ResizeObserver(look).observe(host);
  new IntersectionObserver(look).observe(host);
  window.addEventListener("sdpt:changed", ({ detail }) => {
    if (detail?.source === source) return;
    isStale = true;
    look();
  });
  look();
}
