// Periods as people choose them: the last days, and quarters of the calendar. Days are written as the API takes them.
import { isoDay } from "../core/format.js";

const DAY_MS = 86_400_000;

/** The zone of the reader's clock: what a day of a report is. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const WRITTEN = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

/** "2026-09-30": the day of a moment by the reader's clock. */
export const localDay = (at) => WRITTEN.format(new Date(at));

/** The quarter that `date` lies in, or `back` quarters before it: `{from, to, name}`. */
export function quarterOf(date, back = 0) {
  const months = date.getUTCFullYear() * 12 + date.getUTCMonth();
  const begin = Math.floor(months / 3) * 3 - 3 * back;
  const from = new Date(Date.UTC(Math.floor(begin / 12), begin % 12, 1));
  const to = new Date(Date.UTC(Math.floor((begin + 3) / 12), (begin + 3) % 12, 0));
  return { from: isoDay(from), to: isoDay(to), name: `Q${Math.floor((begin % 12) / 3) + 1} ${from.getUTCFullYear()}` };
}

/** `count` days that end with the one of `date`. */
export const lastDays = (count, date = new Date()) => ({
  from: localDay(date.getTime() - (count - 1) * DAY_MS),
  to: localDay(date),
});

/** All days from `from` to `to`, both among them. */
export function daysOf({ from, to }) {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY_MS) days.push(isoDay(new Date(at)));
  return days;
}

/** What stands in the choice of a period: `[name, {from, to}]`. */
export function usualPeriods(now = new Date()) {
  const [running, before] = [quarterOf(now), quarterOf(now, 1)];
  return [
    ["Last 7 days", lastDays(7, now)],
    ["Last 30 days", lastDays(30, now)],
    [`This quarter (${running.name})`, running],
    [`Last quarter (${before.name})`, before],
  ];
}
