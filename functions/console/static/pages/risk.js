// What the risk of sign-ins and sessions came to, each decision with its reasons.
import { html, useMemo, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { country, number } from "../core/format.js";
import { actionName, reasonOf } from "../parts/action_name.js";
import { EventPanel } from "../parts/event_panel.js";
import { Below, Further } from "../parts/events.js";
import { Field } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Party } from "../parts/names.js";
import { usePeople } from "../parts/people.js";
import { OpenAt } from "../parts/moment.js";
import { Card, Page } from "../parts/page.js";
import { DECISIONS, Decision, signalName } from "../parts/reckoning.js";
import { ReportForm } from "../parts/report_form.js";
import { ofLoaded, PAGE, useReport } from "../parts/report.js";
import { Table } from "../parts/table.js";
import { useKeptAddress } from "../parts/kept_address.js";
import { Risk } from "../pictures/risk.js";
import { Score } from "../pictures/score.js";

const SLUG = "anomaly-decisions";
const LEAD = "Every sign-in is weighed by what is unusual about it. Here is what was seen, what it weighed, and what followed.";

export default function RiskDecisions({ title, me, query }) {
  const report = useReport();
  const { people } = usePeople(me);
  const settings = useRead("/api/settings/security");
  const [chosen, setChosen] = useState({ from: query.from, to: query.to });
  const [decision, setDecision] = useState(query.decision || "");
  useKeptAddress(["risk"], { from: chosen.from, to: chosen.to, decision });
  return html`
    <${Page} title=${title} lead=${LEAD}>
      <${Thresholds} settings=${settings} />
      <${Card} title="What to show">
        <${ReportForm} slug=${SLUG} first=${query} send=${report.ask} submit="Show decisions" onChange=${setChosen} />
      <//>
      ${report.asked && html`
        <${Decisions} report=${report} people=${people} settings=${settings.data} decision=${decision} setDecision=${setDecision} />
      `}
    <//>
  `;
}

const thresholdsOf = (settings) =>
  settings && { ask: settings.settings.step_up_score.value, block: settings.settings.block_score.value };

const Thresholds = ({ settings }) => html`
  <${Card} title="Thresholds in force" more=${html`<a href=${link(["settings"])}>Security settings</a>`}>
    <${Loaded} read=${settings} what="the thresholds">
      ${(data) => {
        const { ask, block } = thresholdsOf(data);
        return html`
          <p>
            Up to ${ask - 1}: <${Decision} action="ALLOW" /> From ${ask}: <${Decision} action="STEP_UP_REQUIRED" /> From ${block}:
            ${" "}<${Decision} action="BLOCK" />
          </p>
          <p class="fine">
            Scores go from 0 to 100. Each decision names the thresholds that it was made by, which may have been others.
          </p>
        `;
      }}
    <//>
  <//>
`;

function Decisions({ report, people, settings, decision, setDecision }) {
  const { rows, last } = report;
  const [open, setOpen] = useState(-1);
  const [visible, setVisible] = useState(PAGE);
  const matching = useMemo(() => rows.filter((row) => !decision || decidedAs(row, decision)), [rows, decision]);
  const points = useMemo(() => matching.filter(isDecision).map(pointOf), [matching]);
  const step = (by) => (matching[open + by] ? () => setOpen(open + by) : undefined);
  const shown = Math.min(visible, matching.length);
  const onChoice = ({ target }) => setDecision(target.value);
  const onMore = () => {
    setVisible(visible + PAGE);
    if (visible >= matching.length) report.more();
  };
  return html`
    <${Card} title="Decisions">
      ${points.length > 0 && html`
        <${Risk} points=${points} thresholds=${thresholdsOf(settings)} of=${ofLoaded(rows, last, "events")} />
      `}
      <div class="inline filter">
        <${Field} name="decision" label="Decision" kind="select" value=${decision} options=${CHOICES} onChange=${onChoice} />
      </div>
      <${Table}
        caption="Risk decisions and what followed, newest first"
        columns=${columnsOf((row) => setOpen(matching.indexOf(row)), people)}
        rows=${matching.slice(0, visible)}
        id=${(row) => row.event_id}
        empty=${decision ? "No loaded decision is this one." : "Nothing was weighed in this period."}
      />
      <${Further} report=${report} shown=${shown} matching=${matching.length} filtered=${decision} onMore=${onMore} />
      ${matching[open] && html`
        <${EventPanel} row=${matching[open]} before=${step(-1)} after=${step(1)} onClose=${() => setOpen(-1)} />
      `}
    <//>
  `;
}

const CHOICES = [["", "all"], ...Object.entries(DECISIONS).map(([action, [, text]]) => [action, text])];

/**
 * A decision is the event of the weighing. What followed from it tells its score again and is another event of the same
 * decision; what was detected otherwise, such as a token presented twice, has no score at all.
 */
const isDecision = (row) => row.action === "ANOMALY_SCORED" && isWeighed(row);
const isWeighed = ({ metadata }) => Number.isInteger(metadata.score);
const decidedAs = (row, decision) => isDecision(row) && row.metadata.action === decision;

const pointOf = ({ event_id: id, time_utc: at, metadata: { score, action } }) => ({ id, at, score, action });

const columnsOf = (show, people) => [
  { head: "When", cell: (row) => html`<${OpenAt} at=${row.time_utc} show=${() => show(row)} />` },
  { head: "Who", cell: (row) => whoOf(row, people) },
  { head: "Country", cell: (row) => (row.country ? country(row.country) : "–") },
  { head: "Score", cell: scoreOf },
  { head: "Signals", cell: signalsOf },
  { head: "Decision", cell: decisionOf },
];

const whoOf = (row, people) => html`<${Party} id=${row.actor_id || row.target_id} email=${row.actor_email} people=${people} />`;

const scoreOf = (row) => (isWeighed(row) ? html`<span class="whole"><${Score} score=${row.metadata.score} /> ${number(row.metadata.score)}</span>` : "–");

const decisionOf = (row) =>
  isDecision(row)
    ? html`<${Decision} action=${row.metadata.action} />`
    : html`<span class="fine">${actionName(row.action)}<${Below} text=${reasonOf(row)} /></span>`;

function signalsOf({ metadata }) {
  const signals = metadata.signals || [];
  if (!signals.length) return "–";
  const points = (each) => (each.points < 0 ? `− ${-each.points}` : `+ ${each.points}`);
  const weight = (each) => (each.mode === "enforce" ? points(each) : `(${points(each)}, only observed)`);
  return signals.map((each) => html`<span class="below">${signalName(each.name)} ${weight(each)}</span>`);
}
