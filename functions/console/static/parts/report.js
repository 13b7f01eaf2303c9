// Reports of the evidence. Rules of this module
// - Each report that is read is an export: it asks for a fresh proof, stands in the log with the reader's name, and counts
//   against a budget. So nothing is read before somebody has pressed a button, and nothing is read twice.
// - Further pages belong to the same export, and cost nothing of the budget.
import { useEffect, useRef, useState } from "../core/library.js";
import { get, getFile } from "../core/api.js";
import { save } from "../core/download.js";
import { number } from "../core/format.js";
import { localDay, zone } from "./period.js";

/** The reports of the catalogue: `[slug, section, name]`. */
export const REPORTS = [
  ["access-logs", "cc6", "Sign-ins and access"],
  ["role-changes", "cc6", "Role changes"],
  ["user-lifecycle", "cc6", "People who joined or left"],
  ["impersonation-events", "cc6", "Impersonation"],
  ["access-reviews", "cc6", "Access reviews"],
  ["security-events", "cc7", "Security events"],
  ["session-invalidations", "cc7", "Sessions ended"],
  ["step-up", "cc7", "Further proofs (step-up)"],
  ["ip-rule-changes", "cc7", "IP rule changes"],
  ["suspicious-logins", "cc8", "Suspicious sign-ins"],
  ["refresh-token-reuse", "cc8", "Refresh token reuse"],
  ["security-incidents", "cc8", "Security incidents"],
  ["session-blocks", "cc8", "Blocked sign-ins and sessions"],
  ["anomaly-decisions", "cc9", "Risk decisions"],
  ["audit-log-integrity", "cc9", "Integrity of the log"],
  ["data-exports", "cc9", "Data exports"],
  ["cleanup-jobs", "cc9", "Cleanup jobs"],
  ["evidence-calendar", "cc9", "Evidence calendar"],
];

export const nameOf = (slug) => (REPORTS.find(([each]) => each === slug) || [])[2] || slug;

const RESPONSE_TIMES = ["response-times", "cc8"];
const sectionOf = (slug) => [...REPORTS, RESPONSE_TIMES].find(([each]) => each === slug)[1];
const pathOf = (slug) => `/api/compliance/${sectionOf(slug)}/${slug}`;

export const PAGE = 100;
const LARGEST_PAGE = 1000;
const MOST_PAGES = 100; // of a file
const MOST_ROWS = 10_000; // more than that is for a file, not for a page

const NOTHING = { asked: null, rows: [], last: null, fault: null, busy: false };

/**
 * Gives `{asked, rows, last, fault, busy, ask, more, all}`. `ask({slug, from, to})` reads the first page and throws what
 * the API refused with; `more()` adds a page, `all()` all that are left, up to a bound. `last` is the newest answer.
 * Each row gets `day`, the day of its moment by the reader's clock.
 */
export function useReport() {
  const [state, setState] = useState(NOTHING);
  const stop = useRef(null);
  useEffect(() => () => stop.current?.abort(), []);

  const ask = async (asked, limit = PAGE) => {
    stop.current?.abort();
    const mine = (stop.current = new AbortController());
    const answer = await pageOf(asked, { limit }, mine.signal);
    setState({ ...NOTHING, asked, rows: rowsOf(answer), last: answer });
  };
  const onward = async (limit, most) => {
    const { asked, last } = state;
    let { rows } = state;
    let cursor = last.next_cursor;
    const { signal } = stop.current;
    setState((now) => ({ ...now, busy: true, fault: null }));
    try {
      do {
        const answer = await pageOf(asked, { limit, cursor }, signal);
        rows = [...rows, ...rowsOf(answer)];
        cursor = answer.next_cursor;
        setState({ asked, rows, last: answer, fault: null, busy: Boolean(cursor) && rows.length < most });
      } while (cursor && rows.length < most);
    } catch (fault) {
      setState((now) => ({ ...now, fault: signal.aborted ? null : fault, busy: false })); // what took its place may be refused
    }
  };
  return { ...state, ask, more: () => onward(PAGE, state.rows.length + 1), all: () => onward(LARGEST_PAGE, MOST_ROWS) };
}

const pageOf = ({ slug, from, to }, page, signal) => get(pathOf(slug), { from, to, tz: zone, ...page }, signal);

const rowsOf = (answer) => answer.evidence.map((row) => ({ ...row, day: localDay(row.time_utc || row.detected_at) }));

/** What of the report the page has, for the words of a picture. */
export const ofLoaded = (rows, last, what) =>
  last.complete
    ? `All ${number(rows.length)} ${what} of the period`
    : `The newest ${number(rows.length)} of ${number(last.total)} ${what}`;

/** Saves a whole report as CSV, as the API writes it: its pages behind one another, under one heading. */
export async function downloadCsv({ slug, from, to }) {
  const parts = [];
  let cursor = null;
  do {
    if (parts.length === MOST_PAGES) throw TOO_LONG; // all of it is in memory until it is saved
    const query = { from, to, tz: zone, format: "csv", limit: LARGEST_PAGE, cursor };
    const page = await getFile(pathOf(slug), query, (headers) => (cursor = headers.get("x-next-cursor")));
    parts.push(parts.length ? await withoutHeading(page) : page);
  } while (cursor);
  save(new Blob(parts, { type: "text/csv" }), `muniment_${slug}_${from}_${to}.csv`);
}

const TOO_LONG = {
  title: "The report is too long for one file",
  message:
    `It has more than ${number(MOST_PAGES * LARGEST_PAGE)} rows, and nothing was saved. Choose a shorter period, or request a bundle: ` +
    "that holds the whole report.",
};

/** No name of a column holds a line's end, so the heading ends with the first one. */
async function withoutHeading(page) {
  const text = await page.text();
  return text.slice(text.indexOf("\n") + 1);
}
