// Requests to our own server. Errors carry `status` 0 when nobody answered.

import { reach } from "./reach.js";

const TIMEOUT_MS = 15000;

export class RequestError extends Error {
  constructor(message, status, kind = "") {
    super(message);
    this.status = status;
    this.kind = kind;
  }

  /** Worth sending again: nobody answered, the server is busy or starting, or it failed inside. */
  get isTemporary() {
    return this.status === 0 || this.status >= 500;
  }
}

async function request(path, options, timeoutMs = TIMEOUT_MS) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  let response;
  try {
    response = await fetch(path, { ...options, signal: abort.signal, credentials: "same-origin" });
    const text = await response.text();
    reach.heard();
    if (response.ok) return JSON.parse(text);
    throw failure(response.status, text);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    reach.lost();
    throw new RequestError("The server does not answer.", response?.ok === false ? response.status : 0);
  } finally {
    clearTimeout(timer);
  }
}

function failure(status, text) {
  try {
    const { error } = JSON.parse(text);
    return new RequestError(error.message, status, error.kind);
  } catch {
    return new RequestError(`The server answered ${status}.`, status);
  }
}

export const getJson = (path) => request(path, { headers: { accept: "application/json" } });

export function postJson(path, body, workspace, timeoutMs) {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "x-sdpt": "canvas" };
  if (workspace) headers["x-sdpt-workspace"] = workspace;
  // keepalive lets the last change go out while the page is being closed; browsers allow it 64 KB.
  return request(path, { method: "POST", headers, body: text, keepalive: text.length < 60000 }, timeoutMs);
}

export const documentUrl = (id) => `/sdpt/api/images/${id}/document`;
export const imageUrl = (image) => `/sdpt/images/${image.id}?v=${(image.sha256 ?? "").slice(0, 16)}`;
export const thumbUrl = (card) => `/sdpt/thumbs/${card.id}?v=${(card.sha256 ?? "").slice(0, 16)}`;
