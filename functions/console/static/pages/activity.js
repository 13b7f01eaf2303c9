// The activity log: one report over one period, as a picture, as rows, and each event with all that it says.
import { html, useMemo, useState } from "../core/library.js";
import { day } from "../core/format.js";
import { Act } from "../parts/form.js";
import { Events, Filters, narrowed } from "../parts/events.js";
import { Moment } from "../parts/moment.js";
import { Card, Page } from "../parts/page.js";
import { ReportForm } from "../parts/report_form.js";
import { downloadCsv, nameOf, ofLoaded, useReport } from "../parts/report.js";
import { useKeptAddress } from "../parts/kept_address.js";
import { Countries } from "../pictures/countries.js";
import { bucketsOf, daysText, Timeline } from "../pictures/timeline.js";

const FILTERS = ["action", "outcome", "actor", "q", "on"];

const LEGEND = "Solid: succeeded; hatched: did not. Choose a bar to see its events alone.";

export default function Activity({ title, query }) {
  const report = useReport();
  const [chosen, setChosen] = useState({ slug: query.report, from: query.from, to: query.to });
  const [filters, setFilters] = useState(Object.fromEntries(FILTERS.map((name) => [name, query[name] || ""])));
  useKeptAddress(["activity"], { report: chosen.slug, from: chosen.from, to: chosen.to, ...filters });
  const send = async (asked) => {
    const other = report.asked && report.asked.slug !== asked.slug;
    await report.ask(asked);
    setChosen(asked);
    if (other) setFilters({});
  };
  const change = (part) => setFilters((now) => ({ ...now, ...part }));
  return html`
    <${Page} title=${title} lead="Who did what, when and from where: the tenant's tamper-evident log, as its reports have it.">
      <${Card} title="What to show">
        <${ReportForm} first=${query} send=${send} submit="Show events" onChange=${setChosen} />
      <//>
      ${report.asked && html`<${Shown} report=${report} filters=${filters} change=${change} />`}
    <//>
  `;
}

function Shown({ report, filters, change }) {
  const { asked, rows, last } = report;
  const matching = useMemo(() => narrowed(rows, filters, null), [rows, filters]);
  const buckets = useMemo(() => bucketsOf(asked, matching), [asked, matching]);
  const bucket = buckets.find(({ from }) => from === filters.on) || null;
  const within = useMemo(() => narrowed(rows, filters, bucket), [rows, filters, bucket]);
  const filtered = FILTERS.some((name) => filters[name]);
  const of = ofLoaded(rows, last, "events");
  const reached = last.complete ? null : rows.at(-1).day;
  const csv = html`<${Act} act=${() => downloadCsv(asked)}>Download as CSV<//>`;
  return html`
    <${Card} title=${`${nameOf(asked.slug)}, ${day(asked.from)} – ${day(asked.to)}`} more=${csv}>
      <${Completeness} last=${last} />
      ${rows.length > 0 && html`
        <${Filters} rows=${rows} filters=${filters} onChange=${change} />
        <${Chosen} bucket=${bucket} filtered=${filtered} change=${change} />
        <${Timeline}
          buckets=${buckets}
          chosen=${bucket && bucket.from}
          onChoose=${(on) => change({ on: on || "" })}
          reached=${reached}
          words=${`${of}${filtered ? ", as filtered" : ""}. ${LEGEND}`}
        />
      `}
      <${Events} rows=${within} report=${report} filtered=${filtered} />
    <//>
    ${asked.slug === "access-logs" && html`<${ByCountry} rows=${within} of=${of} />`}
  `;
}

const Completeness = ({ last }) => html`
  <p class="fine">
    Nothing is missing up to <${Moment} at=${last.watermark} />. The file has the whole report of the period, whatever the
    filters say; making it is recorded as another export.
    ${last.log_begins && html` The log begins at <${Moment} at=${last.log_begins} />: what was before is not in it.`}
  </p>
`;

function Chosen({ bucket, filtered, change }) {
  if (!filtered) return null;
  const none = Object.fromEntries(FILTERS.map((name) => [name, ""]));
  return html`
    <p class="more" role="status">
      ${bucket && html`
        <span>Only ${daysText(bucket)}.</span>
        <button type="button" onClick=${() => change({ on: "" })}>All days</button>
      `}
      <button type="button" onClick=${() => change(none)}>Take all filters away</button>
    </p>
  `;
}

function ByCountry({ rows, of }) {
  if (!rows.some((row) => row.action.startsWith("AUTH_LOGIN_"))) return null;
  return html`<section class="card"><${Countries} rows=${rows} of=${of} /></section>`;
}
