// Windows: which grey values become black, which white. Centre and width are shares of all that the pixels can hold.

/** Narrower than this nothing but noise would be seen. */
const NARROWEST = 0.01;

export const FULL_WINDOW = { centre: 0.5, width: 1 };

// Radiographs have no unit such as Hounsfield's, so each preset reaches between shares of the image's own pixels; the
// first one shows the image as its file does.
export const PRESETS = [
  { id: "default", label: "Default" },
  { id: "lung", label: "Lung", from: 0.01, to: 0.6 },
  { id: "soft", label: "Mediastinum", from: 0.4, to: 0.995 },
  { id: "bone", label: "Bone", from: 0.6, to: 0.9999 },
  { id: "contrast", label: "High contrast", from: 0.1, to: 0.9 },
];

export function clampWindow({ centre, width }) {
  return { centre: Math.min(Math.max(centre, 0), 1), width: Math.min(Math.max(width, NARROWEST), 2) };
}

/** [{ id, window }] of the presets, in their order, for one image. */
export function presetsOf(pixels) {
  const shares = cumulativeShares(pixels);
  const value = (share) => shares.findIndex((reached) => reached >= share) / (shares.length - 1);
  return PRESETS.map(({ id, from, to }) => {
    if (from === undefined) return { id, window: FULL_WINDOW };
    const [low, high] = [value(from), value(to)];
    return { id, window: clampWindow({ centre: (low + high) / 2, width: high - low }) };
  });
}

/** One colour (ABGR, as canvases store it on every common machine) for each grey value. */
export function lookupTable(bits, { centre, width }, inverted) {
  const highest = 2 ** bits - 1;
  const table = new Uint32Array(highest + 1);
  for (let value = 0; value <= highest; value += 1) {
    const share = Math.min(Math.max((value / highest - centre) / width + 0.5, 0), 1);
    const grey = Math.round(255 * (inverted ? 1 - share : share));
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}

/** Shares of the pixels at or below each of 1024 steps, without plain black and white: frames and burned-in letters. */
function cumulativeShares({ bits, values }) {
  const steps = 1024;
  const counts = new Float64Array(steps);
  const highest = 2 ** bits - 1;
  for (const value of values) counts[Math.round((value / highest) * (steps - 1))] += 1;
  counts[0] = 0;
  counts[steps - 1] = 0;
  let sum = 0;
  const sums = Array.from(counts, (count) => (sum += count));
  return sum ? sums.map((reached) => reached / sum) : sums.map((_, step) => step / (steps - 1));
}
