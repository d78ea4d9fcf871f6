// Numbers and dates as people read them.

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Below 10% one decimal: many findings are rare, and 3.4% against 2.9% can decide. */
export function percent(fraction) {
  const value = fraction * 100;
  if (value < 0.1) return "<0.1%";
  if (value > 99 && value < 100) return ">99%";
  if (value < 9.95) return `${value.toFixed(1)}%`;
  return `${Math.round(value)}%`;
}

/** A calibrated probability as people count: "Of 100 images with this value about 34 have it". */
export function inWords(probability) {
  const of = probability < 0.0995 ? 1000 : 100;
  const count = Math.round(probability * of);
  if (count === 0) return "Of 1,000 images with this value fewer than 1 has it";
  if (count === of) return `Of ${of} images with this value nearly all have it`;
  return `Of ${of.toLocaleString("en")} images with this value about ${count} ${count === 1 ? "has" : "have"} it`;
}

export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function seconds(milliseconds) {
  const value = milliseconds / 1000;
  return `${value.toFixed(value < 10 ? 2 : 0)} s`;
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** The time alone for today, else with its day. */
export function shortTime(moment) {
  const date = new Date(moment);
  return (date.toDateString() === new Date().toDateString() ? time : dayAndTime).format(date);
}

export const localTime = (iso) => dateTime.format(new Date(iso));
export const count = (number) => number.toLocaleString("en");
/** A finding's name as people read it, as the server writes it: "Pleural thickening". */
export const label = (name) => name.charAt(0) + name.slice(1).replaceAll("_", " ").toLowerCase();

/** "2 present, 1 possible", or that there is none. */
export function decisionCounts(present, possible) {
  const parts = [];
  if (present) parts.push(`${present} present`);
  if (possible) parts.push(`${possible} possible`);
  return parts.length ? parts.join(", ") : "No finding present or possible";
}
