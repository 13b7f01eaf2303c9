// The rows of a report: narrowed by what is chosen among them, without reading anything again.
import { html, useEffect, useMemo, useState } from "../core/library.js";
import { country, number, words } from "../core/format.js";
import { actionName, reasonOf } from "./action_name.js";
import { EventPanel, Outcome } from "./event_panel.js";
import { session } from "../core/session.js";
import { Failed, Loading } from "./loaded.js";
import { Party, nameIn } from "./names.js";
import { usePeople } from "./people.js";
import { Field } from "./form.js";
import { OpenAt } from "./moment.js";
import { PAGE } from "./report.js";
import { Table } from "./table.js";

/** Takes the rows that every chosen filter lets through. `bucket` is the bar of the timeline that was chosen, or null. */
export function narrowed(rows, filters, bucket) {
  const text = (filters.q || "").trim().toLowerCase();
  return rows.filter(
    (row) =>
      (!filters.action || row.action === filters.action) &&
      (!filters.outcome || row.outcome === filters.outcome) &&
      (!filters.actor || row.actor_id === filters.actor) &&
      (!bucket || (row.day >= bucket.from && row.day <= bucket.to)) &&
      (!text || textOf(row).includes(text)),
  );
}

const texts = new WeakMap();

/** All that a row says, in lower case: free text is looked for in it. */
function textOf(row) {
  if (!texts.has(row)) texts.set(row, `${JSON.stringify(row)} ${country(row.country)} ${actionName(row.action)}`.toLowerCase());
  return texts.get(row);
}

export function Filters({ rows, filters, onChange }) {
  const choices = useMemo(
    () => ({ action: counted(rows, (row) => row.action), outcome: counted(rows, (row) => row.outcome), actor: actorsOf(rows) }),
    [rows],
  );
  const onInput = (name) => ({ target }) => onChange({ [name]: target.value });
  const select = (name, label, shown) => {
    const offered = choices[name].map(([value, count, text]) => [value, `${shown(text || value)} (${number(count)})`]);
    const given = { name, label, value: filters[name] || "", options: [["", "all"], ...offered], onChange: onInput(name) };
    return html`<${Field} kind="select" ...${given} />`;
  };
  return html`
    <div class="inline" role="search" aria-label="Filters">
      ${select("action", "Action", actionName)} ${select("outcome", "Outcome", words)}
      ${select("actor", "Done by", (value) => value || "unknown")}
      <${Field} name="q" label="Any text" kind="search" value=${filters.q || ""} onInput=${onInput("q")} />
    </div>
  `;
}

function counted(rows, of) {
  const counts = new Map();
  for (const row of rows) counts.set(of(row), (counts.get(of(row)) || 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}

/** By id, since not every event names the person; with the address where one does. */
function actorsOf(rows) {
  const names = new Map(rows.filter((row) => row.actor_email).map((row) => [row.actor_id, row.actor_email]));
  return counted(rows, (row) => row.actor_id).map(([id, count]) => [id, count, names.get(id)]);
}

const NO_MATCH = "No loaded event matches: take a filter away, or load more.";

export function Events({ rows, report, filtered }) {
  const [visible, setVisible] = useState(PAGE);
  const [open, setOpen] = useState(-1);
  useEffect(() => setVisible((count) => Math.max(PAGE, Math.min(count, rows.length))), [rows]);
  const step = (by) => (rows[open + by] ? () => setOpen(open + by) : undefined);
  const { people } = usePeople(session.get().me);
  const columns = useMemo(() => columnsOf((row) => setOpen(rows.indexOf(row)), people), [rows, people]);
  const shown = Math.min(visible, rows.length);
  const onMore = () => {
    setVisible(visible + PAGE);
    if (visible >= rows.length) report.more();
  };
  return html`
    <${Table}
      caption="Events, newest first"
      columns=${columns}
      rows=${rows.slice(0, visible)}
      id=${(row) => row.event_id}
      empty=${filtered ? NO_MATCH : "The report has no event in this period."}
    />
    <${Further} report=${report} shown=${shown} matching=${rows.length} filtered=${filtered} onMore=${onMore} />
    ${rows[open] && html`
      <${EventPanel} row=${rows[open]} before=${step(-1)} after=${step(1)} onClose=${() => setOpen(-1)} />
    `}
  `;
}

function columnsOf(show, people) {
  return [
    { head: "When", cell: (row) => html`<${OpenAt} at=${row.time_utc} show=${() => show(row)} />` },
    { head: "What", cell: (row) => html`${actionName(row.action)}<${Below} text=${reasonOf(row)} />` },
    { head: "Outcome", cell: (row) => html`<${Outcome} outcome=${row.outcome} />` },
    { head: "Done by", cell: (row) => doneBy(row, people) },
    { head: "Done to", cell: (row) => doneTo(row, people) },
    { head: "From", cell: (row) => (row.country ? html`${country(row.country)}<${Below} text=${row.ip} />` : row.ip || "–") },
  ];
}

export const Below = ({ text }) => text && html`<span class="fine below">${text}</span>`;

const doneBy = (row, people) => html`
  <${Party} id=${row.actor_id || "unknown"} email=${row.actor_email} people=${people} />
  <${Below} text=${row.on_behalf_of && `as ${nameIn(people, row.on_behalf_of)}`} />
`;

const doneTo = ({ target_id: target, resource }, people) =>
  target ? html`<${Party} id=${target} people=${people} />` : resource || "–";

/** What stands below rows of a report: how many there are, and the ways to more of them. */
export function Further({ report, shown, matching, filtered, onMore }) {
  const { rows, last, fault, busy, more, all } = report;
  if (busy) return html`<${Loading} what=${`the rest, ${number(rows.length)} of ${number(last.total)} are there`} />`;
  if (!last.total) return null;
  const left = last.total - rows.length;
  return html`
    ${fault && html`<${Failed} fault=${fault} again=${more} />`}
    <p class="more" role="status">
      <span>
        ${number(shown)} shown${filtered ? `, ${number(matching)} matching` : ""};
        ${" "}${number(rows.length)} of ${number(last.total)} loaded
      </span>
      ${(shown < matching || left > 0) && html`<button type="button" onClick=${onMore}>Show ${PAGE} more</button>`}
      ${left > PAGE && html`<button type="button" onClick=${all}>Load all ${number(last.total)}</button>`}
    </p>
  `;
}
