// The evidence calendar: a grid where there is room for one, a list where there is none. The arrow keys move in the grid.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { SECTIONS, STATES } from "./calendar_rows.js";

const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

const written = (text) => SHORT.format(new Date(text));

/** "3 Aug", "3 Aug – 9 Aug": the days of a period, or of several. */
export function spanOf(items) {
  const [first, last] = [items[0].period.from, items.at(-1).period.to];
  return first === last ? written(first) : `${written(first)} – ${written(last)}`;
}

export function useNarrow() {
  const [asked] = useState(() => matchMedia("screen and (max-width: 52rem)"));
  const [narrow, setNarrow] = useState(asked.matches);
  useEffect(() => {
    const changed = () => setNarrow(asked.matches);
    asked.addEventListener("change", changed);
    return () => asked.removeEventListener("change", changed);
  }, [asked]);
  return narrow;
}

export const Legend = () => html`
  <ul class="legend" aria-label="Marks of the states">
    ${Object.entries(STATES).map(([state, { word }]) => html`<li><${Mark} state=${state} /> ${word}</li>`)}
  </ul>
`;

/** `open(row, cell)` shows what is behind a cell. */
export function Grid({ groups, weeks, open }) {
  const table = useRef(null);
  const first = groups[0]?.[1][0];
  const [at, setAt] = useState(first ? `${first.obligation} ${first.cells[0].start}` : "");
  return html`
    <div class="wide calendar-frame">
      <table
        ref=${table}
        class="calendar"
        role="grid"
        aria-label="Evidence by obligation and week"
        onKeyDown=${(event) => moved(event, table.current)}
      >
        <thead>
          <tr>
            <th scope="col">Obligation</th>
            ${weeks.map(
              (week) => html`
                <th scope="col" class="week" aria-current=${isNow(week) ? "date" : undefined}>
                  <span class="unseen">Week of </span>${SHORT.format(new Date(week))}${isNow(week) && html`<span class="fine">today</span>`}
                </th>
              `,
            )}
          </tr>
        </thead>
        ${groups.map(([section, rows]) => html`<${Section} section=${section} rows=${rows} weeks=${weeks} at=${at} setAt=${setAt} open=${open} />`)}
      </table>
    </div>
  `;
}

const WEEK_MS = 7 * 86_400_000;

const isNow = (week) => week <= Date.now() && Date.now() < week + WEEK_MS;

const Section = ({ section, rows, weeks, at, setAt, open }) => html`
  <tbody>
    <tr>
      <th scope="rowgroup" colspan=${weeks.length + 1} class="section">${SECTIONS[section]}</th>
    </tr>
    ${rows.map(
      (row) => html`
        <tr key=${row.obligation} data-row=${row.obligation}>
          <th scope="row">${row.title}<span class="fine">${row.cadence} · ${row.tsc.join(", ")}</span></th>
          ${row.cells.map((cell) => html`<${Cell} row=${row} cell=${cell} at=${at} setAt=${setAt} open=${open} />`)}
        </tr>
      `,
    )}
  </tbody>
`;

function Cell({ row, cell, at, setAt, open }) {
  if (!cell.items.length) return html`<td colspan=${cell.span}><span class="unseen">belongs to another range</span></td>`;
  const place = `${row.obligation} ${cell.start}`;
  const { mark, word } = STATES[cell.state];
  return html`
    <td colspan=${cell.span}>
      <button
        type="button"
        class=${`cell ${cell.state}`}
        tabindex=${place === at ? 0 : -1}
        data-start=${cell.start}
        data-span=${cell.span}
        onFocus=${() => setAt(place)}
        onClick=${() => open(row, cell)}
      >
        <span class="unseen">${row.title}, ${spanOf(cell.items)}: </span>
        <span class="mark" aria-hidden="true">${mark}</span>
        <span>${amount(cell)}<span class="word">${word}</span></span>
      </button>
    </td>
  `;
}

/** "2 of 7 " where only some of a cell are in its state. */
const amount = (cell) => (cell.count < cell.owed ? `${cell.count} of ${cell.owed} ` : "");

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const ROWS = { ArrowUp: -1, ArrowDown: 1, PageUp: -5, PageDown: 5 };

function moved(event, table) {
  const row = event.target.closest("tr[data-row]");
  if (!row || event.altKey || event.metaKey) return;
  const next = reached(event, table, row);
  if (next === undefined) return;
  event.preventDefault();
  next?.focus();
}

/** Where a key leads: a button, null at an edge, undefined for a key that means nothing here. */
function reached(event, table, row) {
  const buttons = [...row.querySelectorAll("button")];
  if (event.key in STEPS && !event.ctrlKey) return buttons[buttons.indexOf(event.target) + STEPS[event.key]] || null;
  const rows = [...table.querySelectorAll("tr[data-row]")];
  if (event.key === "Home") return event.ctrlKey ? rows[0].querySelector("button") : buttons[0];
  if (event.key === "End") return event.ctrlKey ? [...rows.at(-1).querySelectorAll("button")].at(-1) : buttons.at(-1);
  if (!(event.key in ROWS) || event.ctrlKey) return undefined;
  const wanted = rows.indexOf(row) + ROWS[event.key];
  const other = rows[event.key.startsWith("Page") ? Math.max(0, Math.min(wanted, rows.length - 1)) : wanted];
  const week = Number(event.target.dataset.start);
  return other ? below(other, week) : null;
}

function below(row, week) {
  const buttons = [...row.querySelectorAll("button")];
  return buttons.find(({ dataset }) => week < Number(dataset.start) + Number(dataset.span)) || buttons.at(-1) || null;
}

/** The same for a narrow window: each obligation with its counts, and its periods when it is opened. */
export const List = ({ groups, open }) =>
  groups.map(
    ([section, rows]) => html`
      <section class="card" key=${section}>
        <h2>${SECTIONS[section]}</h2>
        ${rows.map((row) => html`<${Obligation} key=${row.obligation} row=${row} open=${open} />`)}
      </section>
    `,
  );

const Obligation = ({ row, open }) => html`
  <details class="obligation">
    <summary>
      <strong>${row.title}</strong>
      <span class="fine">${row.cadence} · ${row.tsc.join(", ")}</span>
      <span class="counts">
        ${row.counts.map(([state, count]) => html`<span><${Mark} state=${state} /> ${count} ${STATES[state].word}</span>`)}
      </span>
    </summary>
    <ul class="periods">
      ${row.cells
        .filter((cell) => cell.items.length)
        .map(
          (cell) => html`
            <li>
              <button type="button" class=${`cell ${cell.state}`} onClick=${() => open(row, cell)}>
                <span>${spanOf(cell.items)}</span>
                <span><span class="mark" aria-hidden="true">${STATES[cell.state].mark}</span> ${amount(cell)}${STATES[cell.state].word}</span>
              </button>
            </li>
          `,
        )}
    </ul>
  </details>
`;

export const Mark = ({ state }) => html`<span class=${`mark ${state}`} aria-hidden="true">${STATES[state].mark}</span>`;
