// How long it took from detection to containment: a line and a point for each incident, on a scale of powers of ten.
import { html } from "../core/library.js";
import { day, duration, moment, number } from "../core/format.js";
import { Picture } from "./frame.js";

const ROW = 26;
const MARGIN = { left: 104, right: 108, foot: 24 };
const SHOWN = 20;
const LEAST_MS = 1;
const LEAST_END_MS = 1000;
const TICKS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000];

export const tookOf = ({ response_ms: ms }) => (ms === null ? "not contained" : ms === 0 ? "under 1 ms" : duration(ms / 1000));

/** The middle one of the times, or null. */
function median(times) {
  const sorted = [...times].sort((one, other) => one - other);
  if (!sorted.length) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function Responses({ rows, of }) {
  const shown = rows.slice(0, SHOWN);
  const times = rows.map(({ response_ms: ms }) => ms).filter((ms) => ms !== null);
  const end = TICKS.find((tick) => tick >= Math.max(LEAST_END_MS, ...times)) || Math.max(...times);
  const draw = (width) => ({ height: shown.length * ROW + MARGIN.foot + 6, shapes: () => shapes(shown, width, end) });
  const table = {
    rows,
    id: ({ detected_event: id }) => id,
    columns: [
      { head: "Detected", cell: (row) => moment(row.detected_at) },
      { head: "Took", cell: tookOf },
      { head: "Milliseconds", cell: (row) => number(row.response_ms), numeric: true },
    ],
  };
  const words = wordsFor(rows, times, of);
  return html`<${Picture} title="From detection to containment" words=${words} draw=${draw} table=${table} />`;
}

function wordsFor(rows, times, of) {
  const open = rows.length - times.length;
  const text = (ms) => tookOf({ response_ms: ms });
  const range = times.length
    ? `contained ${number(times.length)}, the fastest in ${text(Math.min(...times))}, ` +
      `half of them within ${text(median(times))}, the slowest in ${text(Math.max(...times))}`
    : "none contained";
  const left = open ? `${number(open)} not contained, drawn as an arrow` : "none is open";
  const cut = rows.length > SHOWN ? ` The newest ${SHOWN} are drawn.` : "";
  return `${of}: ${range}; ${left}. Each step of the scale is about ten times the one before.${cut}`;
}

function shapes(rows, width, end) {
  const long = width - MARGIN.left - MARGIN.right;
  const x = (ms) => MARGIN.left + (long * Math.log10(Math.max(ms, LEAST_MS))) / Math.log10(end);
  const foot = rows.length * ROW + 6;
  const ticks = TICKS.filter((tick) => tick <= end);
  const room = Math.ceil(48 / (long / ticks.length));
  return html`
    ${ticks.map((tick, index) => html`
      <line class="grid" x1=${x(tick)} x2=${x(tick)} y1="2" y2=${foot} />
      ${index % room === 0 && html`
        <text class="quiet" x=${x(tick)} y=${foot + 15} text-anchor="middle">${duration(tick / 1000)}</text>
      `}
    `)}
    ${rows.map((row, index) => lollipop(row, index * ROW + ROW / 2, x, MARGIN.left + long))}
  `;
}

function lollipop(row, y, x, far) {
  const title = html`<title>${`${moment(row.detected_at)}: ${tookOf(row)}`}</title>`;
  const name = html`<text x="0" y=${y + 4}>${day(row.detected_at)}</text>`;
  if (row.response_ms === null) {
    return html`
      ${name}
      <line class="uncontained" x1=${MARGIN.left} x2=${far} y1=${y} y2=${y} />
      <path class="point bad" d=${`M${far + 10} ${y}l-11 -6v12z`}>${title}</path>
      <text x=${far + 16} y=${y + 4}>not contained</text>
    `;
  }
  const at = x(row.response_ms);
  return html`
    ${name}
    <line class="stem" x1=${MARGIN.left} x2=${at} y1=${y} y2=${y} />
    <circle class="point" cx=${at} cy=${y} r="5">${title}</circle>
    <text class="halo" x=${at + 10} y=${y + 4}>${tookOf(row)}</text>
  `;
}
