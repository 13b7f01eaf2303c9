// Incidents: what was detected, what contained it, and how long that took.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { actionName } from "../parts/action_name.js";
import { Badge } from "../parts/badge.js";
import { words } from "../core/format.js";
import { Dialog } from "../parts/dialog.js";
import { Events, Further } from "../parts/events.js";
import { Act } from "../parts/form.js";
import { Moment, OpenAt } from "../parts/moment.js";
import { Party } from "../parts/names.js";
import { Card, Page } from "../parts/page.js";
import { usePeople } from "../parts/people.js";
import { ReportForm } from "../parts/report_form.js";
import { downloadCsv, nameOf, ofLoaded, PAGE, useReport } from "../parts/report.js";
import { Table } from "../parts/table.js";
import { useKeptAddress } from "../parts/kept_address.js";
import { Responses, tookOf } from "../pictures/responses.js";

const SLUG = "response-times";
const BEHIND = ["security-incidents", "session-blocks", "refresh-token-reuse"];

export default function Incidents({ title, me, query }) {
  const { people } = usePeople(me);
  const report = useReport();
  const [chosen, setChosen] = useState({ from: query.from, to: query.to });
  useKeptAddress(["incidents"], { from: chosen.from, to: chosen.to });
  return html`
    <${Page} title=${title} lead="What was detected, what was done about it, and how long that took.">
      <${Card} title="What to show">
        <${ReportForm} slug=${SLUG} first=${query} send=${report.ask} submit="Show incidents" onChange=${setChosen} />
      <//>
      ${report.asked && html`
        <${Times} report=${report} people=${people} />
        ${BEHIND.map((slug) => html`
          <${Behind} key=${JSON.stringify([slug, report.asked])} slug=${slug} period=${report.asked} />
        `)}
      `}
    <//>
  `;
}

function Times({ report, people }) {
  const { asked, rows, last } = report;
  const [open, setOpen] = useState(null);
  const [visible, setVisible] = useState(PAGE);
  const onMore = () => {
    setVisible(visible + PAGE);
    if (visible >= rows.length) report.more();
  };
  return html`
    <${Card} title="Incidents" more=${html`<${Act} act=${() => downloadCsv(asked)}>Download as CSV<//>`}>
      ${rows.length > 0 && html`<${Responses} rows=${rows} of=${ofLoaded(rows, last, "incidents")} />`}
      <${Table}
        caption="Incidents, newest first"
        columns=${columnsOf(setOpen, people)}
        rows=${rows.slice(0, visible)}
        id=${(row) => row.detected_event}
        empty="Nothing was detected in this period. Choose an earlier one above to look further back."
      />
      <${Further} report=${report} shown=${Math.min(visible, rows.length)} matching=${rows.length} onMore=${onMore} />
      ${open && html`<${Incident} row=${open} onClose=${() => setOpen(null)} />`}
    <//>
  `;
}

const named = (actions) => actions.map(actionName).join(", ") || "–";

const State = ({ row }) =>
  row.exception ? html`<${Badge} tone="bad">${words(row.exception)}<//>` : html`<${Badge} tone="good">contained<//>`;

const columnsOf = (show, people) => [
  { head: "Detected", cell: (row) => html`<${OpenAt} at=${row.detected_at} show=${() => show(row)} />` },
  { head: "What", cell: (row) => html`${named(row.detected_by)}<span class="fine below">${words(row.reason)}</span>` },
  { head: "Concerns", cell: (row) => html`<${Party} id=${row.target_id} people=${people} />` },
  { head: "Contained by", cell: (row) => named(row.contained_by) },
  { head: "Time to containment", cell: tookOf, numeric: true },
  { head: "Alert after", cell: (row) => (row.alert_ms === null ? "–" : tookOf({ response_ms: row.alert_ms })), numeric: true },
  { head: "State", cell: (row) => html`<${State} row=${row} />` },
];

const Incident = ({ row, onClose }) => html`
  <${Dialog} title="Incident" kind="panel" onClose=${onClose}>
    <div class="buttons">
      <a class="button" href=${link(["log"], { event: row.detected_event })}>Prove the detection</a>
      ${row.contained_event && html`
        <a class="button" href=${link(["log"], { event: row.contained_event })}>Prove the containment</a>
      `}
    </div>
    <dl class="facts">
      ${factsOf(row).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
    </dl>
  <//>
`;

function factsOf(row) {
  const at = (moment) => html`<${Moment} at=${moment} /> <code>${moment}</code>`;
  const facts = [
    ["State", html`<${State} row=${row} />`],
    ["Detected", at(row.detected_at)],
    ["Detected by", named(row.detected_by)],
    ["Reason", row.reason],
    ["Concerns", row.target_id && html`<code>${row.target_id}</code> (${row.target_type})`],
    ["Contained", row.contained_at && at(row.contained_at)],
    ["Contained by", row.contained_at && named(row.contained_by)],
    ["Time to containment", tookOf(row)],
    ["Alert sent", row.alerted_at && at(row.alerted_at)],
    ["Criteria", row.tsc.join(", ")],
    ["Events of it share", html`<code>${row.incident}</code>`],
    ["First event", html`<code>${row.detected_event}</code>`],
    ["Event that contained it", row.contained_event && html`<code>${row.contained_event}</code>`],
  ];
  return facts.filter(([, value]) => value);
}

/** A report behind the incidents: read when it is wanted, since each one is an export by itself. */
function Behind({ slug, period }) {
  const report = useReport();
  const show = () => report.ask({ ...period, slug });
  const label = `Show ${nameOf(slug).toLowerCase()}`;
  return html`
    <${Card} title=${nameOf(slug)} more=${!report.asked && html`<${Act} act=${show} label=${label}>Show<//>`}>
      ${report.asked
        ? html`<${Events} rows=${report.rows} report=${report} filtered=${false} />`
        : html`<p class="fine">The events of the same days. Showing them is recorded as another export.</p>`}
    <//>
  `;
}
