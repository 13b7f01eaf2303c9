// What evidence is owed of each day, week, month and quarter, and what became of it.
import { html, useMemo, useState } from "../core/library.js";
import { replace } from "../core/address.js";
import { number } from "../core/format.js";
import { Details } from "../parts/calendar_details.js";
import { Grid, Legend, List, Mark, useNarrow } from "../parts/calendar_grid.js";
import { STATES, countsOf, groupsOf, weeksOf } from "../parts/calendar_rows.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { RangeChooser, rangeOf } from "../parts/range.js";

const LEAD = "What evidence is owed for each day, week, month and quarter, and what became of it. Days are those of UTC.";

export default function Calendar({ title, me, query }) {
  const range = rangeOf(query);
  const read = useRead("/api/compliance/calendar", range);
  return html`
    <${Page} title=${title} lead=${LEAD}>
      <${RangeChooser} range=${range} onChange=${(chosen) => replace(["calendar"], chosen)} />
      <${Loaded} read=${read} what="the calendar">
        ${(calendar) => html`<${Shown} key=${`${calendar.period.from} ${calendar.period.to}`} calendar=${calendar} me=${me} reload=${read.reload} />`}
      <//>
    <//>
  `;
}

function Shown({ calendar, me, reload }) {
  const narrow = useNarrow();
  const [open, setOpen] = useState(null); // {obligation, start}: what is read again meanwhile is shown as it is then
  const weeks = useMemo(() => weeksOf(calendar.period), [calendar]);
  const groups = useMemo(() => groupsOf(calendar.items, weeks), [calendar]);
  const show = (row, cell) => setOpen({ obligation: row.obligation, start: cell.start });
  const shown = open && found(groups, open);
  const waived = () => {
    setOpen(null);
    reload();
  };
  if (!calendar.items.length) return html`<p class="empty">No period ends in this range: choose a longer one.</p>`;
  return html`
    <${Summary} calendar=${calendar} />
    ${narrow
      ? html`<${List} groups=${groups} open=${show} />`
      : html`
          <${Legend} />
          <p class="fine">Choose a cell for what is behind it. With the keyboard: the arrow keys move, Enter opens.</p>
          <${Grid} groups=${groups} weeks=${weeks} open=${show} />
        `}
    ${shown && html`<${Details} ...${shown} me=${me} onClose=${() => setOpen(null)} onWaived=${waived} />`}
  `;
}

const NOTHING_DUE = "Nothing was due in this range yet.";

function found(groups, { obligation, start }) {
  const row = groups.flatMap(([, rows]) => rows).find((each) => each.obligation === obligation);
  return { row, cell: row.cells.find((each) => each.start === start) };
}

function Summary({ calendar }) {
  const { summary } = calendar;
  const covered = summary.coverage_pct;
  return html`
    <section class="card summary" aria-label="Summary">
      <div>
        <p class="big">${covered === null ? "–" : `${covered} %`}</p>
        <p class="fine">${covered === null ? NOTHING_DUE : "of what was due was collected. It is rounded down: only all is 100 %."}</p>
      </div>
      <div>
        <p class="counts">
          ${countsOf(calendar.items).map(
            ([state, count]) => html`<span><${Mark} state=${state} /> ${number(count)} ${STATES[state].word}</span>`,
          )}
        </p>
        <p class="fine">
          ${number(summary.expected)} expected. As of <${Moment} at=${calendar.as_of} />; the calendar begins on
          ${" "}<${Moment} at=${calendar.begun_at} />.
          ${summary.waived_after_missed > 0 && ` ${number(summary.waived_after_missed)} waived when it had been missed: counted as missed.`}
        </p>
      </div>
    </section>
  `;
}
