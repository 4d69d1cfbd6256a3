// The list of images that a canvas walks through, with documents and pictures loaded ahead.

import { documentUrl, getJson, imageUrl } from "./api.js";

const MAX_DOCUMENTS = 12;
const MAX_PICTURES = 5;
const CARD_PAGE = 50;

/** Ids of a filter ("review": the queue, in its order), and where we are in it. */
export class ImageList {
  constructor() {
    this.ids = [];
    this.positions = new Map();
    this.message = null;
    this.ticket = 0;
  }

  /** Whether the answer was taken: one that comes after a later question's is of a list that nobody asks for any more. */
  async load(mode, search) {
    const ticket = ++this.ticket;
    const found = await getJson(mode === "review" ? "/sdpt/api/review/queue" : idsUrl(search));
    if (ticket !== this.ticket) return false;
    this.ids = found.ids;
    this.message = found.message ?? null;
    this.positions = new Map(found.ids.map((id, index) => [id, index]));
    return true;
  }

  indexOf(id) {
    return this.positions.get(id) ?? -1;
  }
}

/** Where to ask for the ids that fit; what is empty asks for nothing. */
export function idsUrl(search) {
  const asked = Object.entries(search).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `/sdpt/api/browse/ids?${new URLSearchParams(asked)}`;
}

/** Cards of the filmstrip by id, fetched in pages around what is visible. */
export class Cards {
  constructor() {
    this.byId = new Map();
    this.asked = new Set();
  }

  /** Load what is missing of `ids[from..to]`; true when something new arrived. */
  async need(ids, from, to) {
    const start = Math.floor(from / CARD_PAGE) * CARD_PAGE;
    const wanted = ids.slice(start, Math.ceil((to + 1) / CARD_PAGE) * CARD_PAGE);
    const missing = wanted.filter((id) => !this.byId.has(id) && !this.asked.has(id)).slice(0, 200);
    if (!missing.length) return false;
    for (const id of missing) this.asked.add(id);
    try {
      const { cards } = await getJson(`/sdpt/api/browse/cards?ids=${missing.join(",")}`);
      for (const card of cards) this.byId.set(card.id, card);
    } finally {
      for (const id of missing) this.asked.delete(id);
    }
    return true;
  }

  /** What a fresh document says of its image. */
  update(document) {
    const { image, annotations, proposals } = document;
    const before = this.byId.get(image.id) ?? { id: image.id, relative_path: image.relative_path, sha256: image.sha256 };
    const { is_reviewed, is_skipped, is_flagged, comment } = image;
    this.byId.set(image.id, {
      ...before, is_reviewed, is_skipped, is_flagged, comment, num_boxes: annotations.length, num_pending: proposals.length,
    });
  }

  clear() {
    this.byId.clear();
  }
}

/** Documents and decoded pictures, the last few of each. */
export class Loader {
  constructor() {
    this.documents = new Map();
    this.pictures = new Map();
  }

  /** The document of an image; `isFresh` skips what was loaded ahead. */
  async document(id, { isFresh = false } = {}) {
    if (!isFresh && this.documents.has(id)) return this.documents.get(id);
    const found = await getJson(documentUrl(id));
    this.keep(found);
    return found;
  }

  keep(document) {
    remember(this.documents, document.image.id, document, MAX_DOCUMENTS);
  }

  /** A promise of a decoded <img>, each used by one stage at a time. */
  picture(image) {
    const url = imageUrl(image);
    const known = this.pictures.get(url);
    if (known) return known;
    const element = new Image();
    element.decoding = "async";
    element.draggable = false;
    element.src = url;
    const loaded = element.decode().then(() => element);
    remember(this.pictures, url, loaded, MAX_PICTURES);
    loaded.catch(() => this.pictures.delete(url));
    return loaded;
  }

  async prefetch(id) {
    if (id === undefined) return;
    try {
      await this.picture((await this.document(id)).image);
    } catch {
      this.documents.delete(id); // it is asked for again, and its error shown, when a person goes there
    }
  }

  forget(id) {
    this.documents.delete(id);
  }

  clear() {
    this.documents.clear();
  }
}

function remember(map, key, value, most) {
  map.delete(key);
  map.set(key, value);
  while (map.size > most) map.delete(map.keys().next().value);
}
