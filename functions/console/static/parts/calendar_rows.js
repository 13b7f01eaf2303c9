// The evidence calendar as rows of a grid. Its columns are weeks: a month or a quarter takes the columns up to the week in
// which it ends, and of what is owed daily a week is one cell, that opens to its days.
const DAY_MS = 86_400_000;

/** What the API calls a state: its mark, which no other state has, and its word. The gravest comes first. */
export const STATES = {
  missed: { mark: "✕", word: "missed", tone: "bad" },
  failed: { mark: "!", word: "failed", tone: "bad" },
  collected_late: { mark: "◐", word: "late", tone: "warn" },
  open: { mark: "○", word: "open", tone: "plain" },
  waived: { mark: "∕", word: "waived", tone: "plain" },
  upcoming: { mark: "·", word: "upcoming", tone: "plain" },
  collected: { mark: "✓", word: "collected", tone: "good" },
  not_applicable: { mark: "–", word: "not owed", tone: "plain" },
};

const GRAVEST = Object.keys(STATES);

export const SECTIONS = {
  CC6: "CC6 · Access control",
  CC7: "CC7 · System operations",
  CC8: "CC8 · Incident response",
  CC9: "CC9 · Risk and monitoring",
};

const monday = (text) => {
  const at = Date.parse(text);
  return at - ((new Date(at).getUTCDay() + 6) % 7) * DAY_MS;
};

/** The weeks that a range touches, as Unix milliseconds of their Mondays. */
export function weeksOf({ from, to }) {
  const weeks = [];
  for (let at = monday(from); at <= Date.parse(to); at += 7 * DAY_MS) weeks.push(at);
  return weeks;
}

/** `[[section, [{obligation, title, cadence, tsc, cells, counts}]]]`, in the order of the sections. */
export function groupsOf(items, weeks) {
  const rows = new Map();
  for (const item of items) {
    if (!rows.has(item.obligation)) rows.set(item.obligation, []);
    rows.get(item.obligation).push(item);
  }
  const made = [...rows.values()].map((own) => rowOf(own, weeks));
  return Object.keys(SECTIONS)
    .map((section) => [section, made.filter((row) => row.section === section)])
    .filter(([, own]) => own.length);
}

function rowOf(items, weeks) {
  const { obligation, title, cadence, section, tsc } = items[0];
  return { obligation, title, cadence, section, tsc, cells: cellsOf(items, weeks), counts: countsOf(items) };
}

/** `{start, span, items, state, count, owed}`; a cell without items fills what belongs to another range. */
function cellsOf(items, weeks) {
  const byWeek = new Map();
  for (const item of items) {
    const week = Math.round((monday(item.period.to) - weeks[0]) / (7 * DAY_MS));
    byWeek.set(week, [...(byWeek.get(week) || []), item]);
  }
  const cells = [];
  let start = 0;
  for (const week of [...byWeek.keys()].sort((one, other) => one - other)) {
    cells.push(cellOf(start, week + 1 - start, byWeek.get(week)));
    start = week + 1;
  }
  if (start < weeks.length) cells.push({ start, span: weeks.length - start, items: [] });
  return cells;
}

function cellOf(start, span, items) {
  const state = GRAVEST.find((each) => items.some((item) => item.status === each));
  const owed = items.filter((item) => item.status !== "not_applicable");
  return { start, span, items, state, count: items.filter((item) => item.status === state).length, owed: owed.length };
}

/** `[[state, count]]` of those that there are, the gravest first. */
export function countsOf(items) {
  return GRAVEST.map((state) => [state, items.filter((item) => item.status === state).length]).filter(([, count]) => count);
}
