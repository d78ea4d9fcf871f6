// Differences between two texts, word by word: a longest common subsequence.

// Beyond so many cells the changed middle counts as replaced whole; a report is far shorter.
const MOST_CELLS = 4_000_000;

/** A list of {kind: "same" | "added" | "removed", text}; white space belongs to the word before it. */
export function diffWords(before, after) {
  const a = before.match(/\S+\s*/g) ?? [];
  const b = after.match(/\S+\s*/g) ?? [];
  const same = (i, j) => a[i].trimEnd() === b[j].trimEnd();
  let start = 0;
  while (start < a.length && start < b.length && same(start, start)) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && same(a.length - 1 - end, b.length - 1 - end)) end += 1;

  const parts = [];
  const add = (kind, words) => {
    if (words.length === 0) return;
    if (parts.at(-1)?.kind === kind) parts.at(-1).text += words.join("");
    else parts.push({ kind, text: words.join("") });
  };
  add("same", b.slice(0, start));
  for (const [kind, word] of middle(a.slice(start, a.length - end), b.slice(start, b.length - end))) add(kind, [word]);
  add("same", b.slice(b.length - end));
  return parts;
}

/** Numbers of words added and removed. */
export function countChanges(parts) {
  const words = (kind) => parts.filter((part) => part.kind === kind).reduce((sum, part) => sum + part.text.trim().split(/\s+/).length, 0);
  return { added: words("added"), removed: words("removed") };
}

function* middle(a, b) {
  const width = b.length + 1;
  // lengths[i * width + j]: longest common subsequence of the words from i and from j on.
  const lengths = (a.length + 1) * width <= MOST_CELLS ? new Uint16Array((a.length + 1) * width) : null;
  const same = (i, j) => a[i].trimEnd() === b[j].trimEnd();
  if (lengths) {
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        lengths[i * width + j] = same(i, j) ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      }
    }
  }
  let [i, j] = [0, 0];
  while (lengths && i < a.length && j < b.length) {
    if (same(i, j)) {
      yield ["same", b[j]];
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
      yield ["removed", a[i]];
      i += 1;
    } else {
      yield ["added", b[j]];
      j += 1;
    }
  }
  for (; i < a.length; i += 1) yield ["removed", a[i]];
  for (; j < b.length; j += 1) yield ["added", b[j]];
}
