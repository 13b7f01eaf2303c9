// How values are written for people. Times are shown in the zone of the browser, with the zone's name where it matters.
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat("en-GB");
const REGIONS = new Intl.DisplayNames("en", { type: "region" });

export const number = (value) => (value === null || value === undefined ? "–" : NUMBER.format(value));

/** (1, "session", "sessions") -> "1 session" */
export const several = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

export const moment = (text) => (text ? MOMENT.format(new Date(text)) : "–");
export const day = (text) => (text ? DAY.format(new Date(text)) : "–");

/** "2026-07-01": the day of a moment in UTC, as the API takes it. */
export const isoDay = (date) => date.toISOString().slice(0, 10);

export function daysAgo(count, from = new Date()) {
  return isoDay(new Date(from.getTime() - count * 86_400_000));
}

/** "DE" -> "Germany"; what is no region stays as it is. */
export function country(code) {
  if (!code) return "unknown";
  try {
    return REGIONS.of(code) || code;
  } catch {
    return code;
  }
}

const STEPS = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** 3725 -> "1 h 2 min": the two largest units of a number of seconds. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return seconds > 0 ? `${Math.round(seconds * 1000)} ms` : "0 s";
  const parts = [];
  let left = Math.round(seconds);
  for (const [unit, size] of STEPS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

export function bytes(count) {
  if (count === null || count === undefined) return "–";
  let size = count;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit ? size.toFixed(1) : size} ${SIZES[unit]}`;
}

/** "NEW_DEVICE" -> "new device" */
export const words = (text) => String(text ?? "").replaceAll(/[_-]/g, " ").toLowerCase();

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
