// How many events each day had, as bars: solid what succeeded, hatched what did not. A bar can be chosen.
import { html, useRef, useState } from "../core/library.js";
import { day, number } from "../core/format.js";
import { daysOf } from "../parts/period.js";
import { hatch, Picture, roundUp } from "./frame.js";

const HEIGHT = 150;
const TOP = 14;
const FOOT = 22;
const LEFT = 34;
const LABEL = 92;
const MOST_BARS = 124; // more days than this are put together by weeks, and more weeks by months of four
const SIZES = [1, 7, 28];

/** Gives `{from, to, count, refused}` for each bar of the period. `rows` have a `day` and an `outcome`. */
export function bucketsOf(period, rows) {
  const days = daysOf(period);
  const size = SIZES.find((each) => days.length / each <= MOST_BARS) || SIZES.at(-1);
  const buckets = [];
  const at = new Map();
  days.forEach((each, index) => {
    if (index % size === 0) buckets.push({ from: each, to: each, count: 0, refused: 0 });
    buckets.at(-1).to = each;
    at.set(each, buckets.at(-1));
  });
  for (const row of rows) {
    const bucket = at.get(row.day);
    if (!bucket) continue;
    bucket.count += 1;
    if (row.outcome !== "success") bucket.refused += 1;
  }
  return buckets;
}

/** `chosen` is the first day of a bar, or null; `reached` the oldest day that is loaded, or null where all are. */
export function Timeline({ buckets, chosen, onChoose, reached, words }) {
  const [focus, setFocus] = useState(null);
  const group = useRef(null);
  const stop = Math.max(0, buckets.findIndex(({ from }) => from === (focus ?? chosen ?? buckets.at(-1).from)));
  const step = (to) => {
    const next = buckets[Math.min(buckets.length - 1, Math.max(0, to))];
    setFocus(next.from);
    group.current.querySelector(`[data-day="${next.from}"]`).focus();
  };
  const onKeyDown = (event) => {
    const moves = { ArrowLeft: stop - 1, ArrowRight: stop + 1, Home: 0, End: buckets.length - 1 };
    const bucket = buckets[stop];
    if (event.key in moves) step(moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") onChoose(bucket.from === chosen ? null : bucket.from);
    else return;
    event.preventDefault();
  };
  const given = { buckets, chosen, onChoose, stop, reached, group, onKeyDown };
  const draw = (width) => ({ height: HEIGHT, shapes: (id) => bars({ id, width, ...given }) });
  const table = tableOf(buckets, chosen, onChoose);
  return html`<${Picture} title="Events over time" words=${words} draw=${draw} table=${table} within />`;
}

function bars({ id, width, buckets, chosen, onChoose, stop, reached, group, onKeyDown }) {
  const top = roundUp(Math.max(...buckets.map(({ count }) => count), 1));
  const slot = (width - LEFT) / buckets.length;
  const high = (count) => ((HEIGHT - TOP - FOOT) * count) / top;
  const base = HEIGHT - FOOT;
  return html`
    <${Axis} width=${width} top=${top} />
    ${unread(buckets, reached, slot, base)}
    <g ref=${group} onKeyDown=${onKeyDown}>
      ${buckets.map((bucket, index) => {
        const x = LEFT + index * slot;
        const given = { x: x + slot * 0.12, width: Math.max(1, slot * 0.76) };
        const [whole, refused] = [high(bucket.count), high(bucket.refused)];
        const pressed = bucket.from === chosen;
        return html`
          <g
            class=${`bar ${pressed ? "chosen" : ""}`}
            role="button"
            tabindex=${index === stop ? "0" : "-1"}
            data-day=${bucket.from}
            aria-pressed=${pressed ? "true" : "false"}
            aria-label=${said(bucket)}
            onClick=${() => onChoose(pressed ? null : bucket.from)}
          >
            <title>${said(bucket)}</title>
            <rect class="reach" x=${x} y=${TOP} width=${slot} height=${base - TOP} />
            <rect class="solid" ...${given} y=${base - whole} height=${whole - refused} />
            ${refused > 0 && html`<rect class="edge" fill=${hatch(id)} ...${given} y=${base - refused} height=${refused} />`}
          </g>
        `;
      })}
    </g>
    ${dates(buckets, slot, width)}
  `;
}

export const daysText = ({ from, to }) => (from === to ? day(from) : `${day(from)} – ${day(to)}`);

const said = (bucket) => {
  const bad = bucket.refused ? `, ${number(bucket.refused)} of them not successful` : "";
  return `${daysText(bucket)}: ${number(bucket.count)} events${bad}`;
};

const Axis = ({ width, top }) => html`
  <g aria-hidden="true">
    ${[0, top / 2, top].map((value) => {
      const y = HEIGHT - FOOT - ((HEIGHT - TOP - FOOT) * value) / top;
      return html`
        <line class="grid" x1=${LEFT} x2=${width} y1=${y} y2=${y} />
        ${Number.isInteger(value) && html`<text class="quiet" x=${LEFT - 6} y=${y + 4} text-anchor="end">${number(value)}</text>`}
      `;
    })}
  </g>
`;

/** What lies before the oldest event that is loaded is not known to be empty: it is said to be not loaded. */
function unread(buckets, reached, slot, base) {
  if (!reached) return null;
  const count = buckets.filter(({ to }) => to < reached).length;
  if (!count) return null;
  return html`
    <rect class="unread" x=${LEFT} y=${TOP} width=${count * slot} height=${base - TOP} />
    ${count * slot > LABEL && html`
      <text class="quiet" x=${LEFT + (count * slot) / 2} y=${(TOP + base) / 2} text-anchor="middle">not loaded yet</text>
    `}
  `;
}

function dates(buckets, slot, width) {
  const every = Math.max(1, Math.ceil(LABEL / slot));
  const placed = buckets.map(({ from }, index) => [from, LEFT + index * slot]);
  const shown = placed.filter(([, x], index) => index % every === 0 && x + LABEL * 0.8 < width);
  const text = ([from, x]) => html`<text class="quiet" x=${x} y=${HEIGHT - 5}>${day(from)}</text>`;
  return html`<g aria-hidden="true">${shown.map(text)}</g>`;
}

function tableOf(buckets, chosen, onChoose) {
  const rows = buckets.filter(({ count }) => count).reverse();
  const pick = (bucket) => {
    const pressed = bucket.from === chosen;
    const onClick = () => onChoose(pressed ? null : bucket.from);
    return html`
      <button type="button" class="link" aria-pressed=${pressed ? "true" : "false"} onClick=${onClick}>
        ${daysText(bucket)}
      </button>
    `;
  };
  return {
    rows,
    id: ({ from }) => from,
    columns: [
      { head: "Days", cell: pick },
      { head: "Events", cell: ({ count }) => number(count), numeric: true },
      { head: "Not successful", cell: ({ refused }) => number(refused), numeric: true },
    ],
  };
}
