// Which boxes can be seen: by class, by where they come from, by score. Never kept: a forgotten filter hides work.

export const SOURCES = [
  ["drawn", "Drawn"], ["accepted", "Accepted"], ["corrected", "Corrected"], ["imported", "Imported"],
  ["proposal", "Proposals"],
];

export class Shown {
  constructor(minScore) {
    this.minScore = minScore;
    this.hiddenClasses = new Set();
    this.hiddenSources = new Set();
    this.isPeeking = false; // nothing at all, to see the bare picture
  }

  get hidesSome() {
    return this.isPeeking || this.hiddenClasses.size > 0 || this.hiddenSources.size > 0;
  }

  get hasProposals() {
    return !this.isPeeking && !this.hiddenSources.has("proposal");
  }

  /** Whether an item of the session is to be seen. */
  allows(item) {
    if (this.isPeeking || this.hiddenClasses.has(item.category_id)) return false;
    if (item.isProposal) return item.score >= this.minScore && this.hasProposals;
    return !this.hiddenSources.has(item.origin);
  }

  toggleClass(id) {
    toggle(this.hiddenClasses, id);
  }

  toggleSource(name) {
    toggle(this.hiddenSources, name);
  }

  showAll() {
    this.isPeeking = false;
    this.hiddenClasses.clear();
    this.hiddenSources.clear();
  }
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}
