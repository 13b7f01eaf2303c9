// Scores over time, with the thresholds as lines. What was decided is told by the form of a point, not by its colour alone.
import { html } from "../core/library.js";
import { day, moment, number } from "../core/format.js";
import { DECISIONS } from "../parts/reckoning.js";
import { Picture } from "./frame.js";

const HEIGHT = 240;
const MARGIN = { left: 34, right: 12, top: 12, foot: 24 };
const DAY_MS = 86_400_000;
const LABEL = 96;

/** `points` are `{id, at, score, action}`, newest first, `thresholds` `{ask, block}` or null. */
export function Risk({ points, thresholds, of }) {
  const [from, to] = [dayOf(points.at(-1).at), dayOf(points[0].at) + DAY_MS]; // where there are points, not the whole period
  const draw = (width) => ({ height: HEIGHT, shapes: () => shapes({ width, points, from, to, thresholds }) });
  const table = {
    rows: points,
    id: ({ id }) => id,
    columns: [
      { head: "When", cell: ({ at }) => moment(at) },
      { head: "Score", cell: ({ score }) => number(score), numeric: true },
      { head: "Decision", cell: ({ action }) => said(action) },
    ],
  };
  return html`<${Picture} title="Risk over time" words=${wordsFor(points, of)} draw=${draw} table=${table} />`;
}

const dayOf = (at) => new Date(at).setHours(0, 0, 0, 0);

const said = (action) => (DECISIONS[action] || ["", action])[1];

function wordsFor(points, of) {
  const countOf = (action) => number(points.filter((each) => each.action === action).length);
  const counts = Object.keys(DECISIONS).map((action) => `${countOf(action)} ${said(action)}`);
  const highest = points.reduce((most, { score }) => Math.max(most, score), 0);
  return (
    `${of}, ${number(points.length)} of them decisions: ${counts.join(", ")}; the highest score is ${number(highest)}. ` +
    "Circle: allowed; diamond: second factor asked; triangle: blocked."
  );
}

function shapes({ width, points, from, to, thresholds }) {
  const x = (at) => MARGIN.left + 6 + ((width - MARGIN.left - MARGIN.right - 12) * (Date.parse(at) - from)) / (to - from);
  const y = (score) => MARGIN.top + ((HEIGHT - MARGIN.top - MARGIN.foot) * (100 - score)) / 100;
  return html`
    ${[0, 50, 100].map((score) => html`
      <line class="grid" x1=${MARGIN.left} x2=${width} y1=${y(score)} y2=${y(score)} />
      <text class="quiet" x=${MARGIN.left - 6} y=${y(score) + 4} text-anchor="end">${score}</text>
    `)}
    ${thresholds && html`
      <${Threshold} y=${y(thresholds.ask)} width=${width} word=${`second factor from ${thresholds.ask}`} />
      <${Threshold} y=${y(thresholds.block)} width=${width} word=${`blocked from ${thresholds.block}`} />
    `}
    ${points.map((point) => html`<${Point} ...${point} x=${x(point.at)} y=${y(point.score)} />`)}
    ${datesOf(width, from, to).map((at) => html`<text class="quiet" x=${x(at)} y=${HEIGHT - 6}>${day(at)}</text>`)}
  `;
}

const Threshold = ({ y, width, word }) => html`
  <line class="threshold" x1=${MARGIN.left} x2=${width} y1=${y} y2=${y} />
  <text x=${MARGIN.left + 6} y=${y - 4}>${word}</text>
`;

function Point({ action, at, score, x, y }) {
  const title = html`<title>${`${moment(at)}: ${score}, ${said(action)}`}</title>`;
  if (action === "BLOCK") return html`<path class="point bad" d=${`M${x} ${y - 6}l6 11h-12z`}>${title}</path>`;
  if (action === "STEP_UP_REQUIRED") return html`<path class="point warn" d=${`M${x} ${y - 6}l6 6l-6 6l-6 -6z`}>${title}</path>`;
  return html`<circle class="point" cx=${x} cy=${y} r="4">${title}</circle>`;
}

function datesOf(width, from, to) {
  const count = Math.max(1, Math.floor((width - MARGIN.left - MARGIN.right) / LABEL));
  const days = Math.max(1, Math.ceil((to - from) / DAY_MS / count));
  const dates = [];
  for (let at = from; at + days * DAY_MS * 0.8 <= to; at += days * DAY_MS) dates.push(new Date(at).toISOString());
  return dates;
}
