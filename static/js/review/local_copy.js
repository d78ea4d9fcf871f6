// Text that the server has not confirmed yet, kept in this browser. Each tab keeps its own, so that none overwrites another's.

const TAB = "chestlens:tab";

export class LocalCopy {
  #prefix;
  #key;

  constructor(studyId) {
    this.#prefix = `chestlens:review:${studyId}:`;
  }

  /**
   * The text that this tab, or one that is closed by now, left behind: {text, sent, revision, draft, time}, or null.
   * Tabs that still live hold a lock by the name of their copy.
   */
  async take() {
    const held = new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name));
    const own = this.#prefix + (sessionStorage.getItem(TAB) ?? "");
    const found = Object.keys(localStorage)
      .filter((key) => key.startsWith(this.#prefix) && !held.has(key))
      .map((key) => ({ key, ...read(key) }))
      .filter((copy) => copy.text)
      .toSorted((a, b) => (b.key === own) - (a.key === own) || b.time - a.time)[0];
    this.#claim(found?.key.slice(this.#prefix.length), held);
    return found ?? null;
  }

  /** False where the browser keeps nothing. */
  keep(copy) {
    try {
      localStorage.setItem(this.#key, JSON.stringify({ ...copy, time: Date.now() }));
      return true;
    } catch {
      return false;
    }
  }

  drop() {
    localStorage.removeItem(this.#key);
  }

  #claim(left, held) {
    let tab = left ?? sessionStorage.getItem(TAB);
    // A duplicated tab brings the name of its original with it.
    if (!tab || held.has(this.#prefix + tab)) tab = Math.random().toString(36).slice(2);
    sessionStorage.setItem(TAB, tab);
    this.#key = this.#prefix + tab;
    navigator.locks?.request(this.#key, () => new Promise(() => {}));
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}
