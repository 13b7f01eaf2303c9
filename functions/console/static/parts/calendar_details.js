// What is behind a cell of the calendar: each of its periods with what is known of it, and the waiver of what is not there.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { link } from "../core/address.js";
import { post } from "../core/api.js";
import { day, daysAgo, number, words } from "../core/format.js";
import { Mark, spanOf } from "./calendar_grid.js";
import { STATES } from "./calendar_rows.js";
import { Dialog } from "./dialog.js";
import { Field, Form } from "./form.js";
import { Moment } from "./moment.js";
import { Named, usePeople } from "./people.js";

const WAIVABLE = ["missed", "failed", "open", "upcoming", "waived"];
const USUAL_DAYS = 30;
const LONGEST_DAYS = 365;

/** `onWaived` is called when something was waived: what is shown is out of date then. */
export function Details({ row, cell, me, onClose, onWaived }) {
  const [waiving, setWaiving] = useState(null);
  const [chosen, choose] = useState({ day: cell.items.length === 1 ? cell.items[0].period.from : null, left: null });
  const seen = cell.items.find(({ period }) => period.from === chosen.day);
  if (waiving) {
    return html`
      <${Dialog} title=${`Waive: ${row.title}`} onClose=${onClose} key="waive">
        <${Waiver} item=${waiving} cancel=${() => setWaiving(null)} onDone=${onWaived} />
      <//>
    `;
  }
  return html`
    <${Dialog} title=${row.title} onClose=${onClose} key="details">
      ${seen
        ? html`<${OnePeriod} item=${seen} me=${me} waive=${() => setWaiving(seen)} />`
        : html`<${Several} items=${cell.items} left=${chosen.left} choose=${(item) => choose({ day: item.period.from })} />`}
      ${seen &&
      cell.items.length > 1 &&
      html`
        <p>
          <button type="button" class="link" onClick=${() => choose({ day: null, left: chosen.day })}>All days of ${spanOf(cell.items)}</button>
        </p>
      `}
    <//>
  `;
}

const counted = (events) => (events === null ? "" : `${number(events)} ${events === 1 ? "event" : "events"}`);

/** Whoever comes back from a day finds the focus where it was. */
function Several({ items, left, choose }) {
  const before = useRef(null);
  useEffect(() => before.current?.focus(), []);
  return html`
    <p>What is owed for each day of ${spanOf(items)}. Choose a day for its details.</p>
    <ul class="periods">
      ${items.map(
        (item) => html`
          <li key=${item.period.from}>
            <button
              ref=${item.period.from === left ? before : null}
              type="button"
              class=${`cell ${item.status}`}
              onClick=${() => choose(item)}
            >
              <span>${day(item.period.from)}</span>
              <span><${Mark} state=${item.status} /> ${STATES[item.status].word}</span>
              <span>${counted(item.population)}</span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}

function OnePeriod({ item, me, waive }) {
  const state = useRef(null);
  useEffect(() => state.current.focus(), []);
  const may = me.permissions.includes("SETTINGS_SECURITY_MANAGE") && WAIVABLE.includes(item.status);
  return html`
    <p ref=${state} tabindex="-1" class="state">
      <${Mark} state=${item.status} /> <strong>${STATES[item.status].word}</strong>, ${NOT_OWED[item.reason] || SENTENCES[item.status]}
    </p>
    <dl class="facts">${factsOf(item).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    ${item.waiver && html`<${Waived} waiver=${item.waiver} me=${me} />`}
    ${may && html`<div class="buttons"><button type="button" onClick=${waive}>${item.waiver ? "Waive anew" : "Waive"}</button></div>`}
  `;
}

const SENTENCES = {
  collected: "in time.",
  collected_late: "behind the day on which it was due.",
  missed: "it was due and is not there. What is missed is never made good, but it can be waived.",
  failed: "the last attempt to collect it was in vain. It is tried again until it is due.",
  open: "its period has begun, and it is not due yet.",
  upcoming: "its period has not begun.",
  waived: "nobody waits for it as long as the waiver counts.",
};
// Why nothing is owed, by the `reason` of the API.
const NOT_OWED = {
  before_beginning: "the calendar begins behind this period.",
  not_simulated: "the days are simulated, and a simulation makes no such evidence.",
  no_collection_existed: "nothing ran that could have collected it: the simulated days were over, and the service had not begun.",
};

const PROOF = { verified: "verified: the log was checked up to these digests", pending: "pending: the log is checked once a day" };

/** What is known of a period, as `[name, value]`; what is not known is left out. */
function factsOf(item) {
  const { period, export_id, digest_range } = item;
  return [
    ["Period", period.from === period.to ? day(period.from) : `${day(period.from)} – ${day(period.to)}`],
    ["Due", html`<${Moment} at=${item.due} />`],
    ["Collected", item.collected_at && html`<${Moment} at=${item.collected_at} />, ${item.mode}`],
    ["Found missing", item.missed_at && html`<${Moment} at=${item.missed_at} />`],
    ["Events", eventsOf(item)],
    ["Digests", digest_range && `${number(digest_range[0])} to ${number(digest_range[1])}`],
    ["Integrity", item.integrity && PROOF[item.integrity]],
    ["Bundle", export_id && html`<a href=${link(["exports", export_id])}>${export_id}</a>`],
    ["SHA-256 of the manifest", item.sha256 && html`<code>${item.sha256}</code>`],
    ["Snapshot of access", item.snapshot_taken_at && html`<${Moment} at=${item.snapshot_taken_at} />`],
    ["Reviewed", item.reviewed_at],
    ["Attested by event", item.attested_event && html`<a href=${link(["log"], { event: item.attested_event })}>${item.attested_event}</a>`],
    ["Begins later", item.cut_start && item.resolved && `the log was started again; the evidence is of ${item.resolved.from} on`],
    ["Last failure", item.failure && html`<${Failure} failure=${item.failure} />`],
  ].filter(([, value]) => value);
}

function eventsOf({ population, zero_population }) {
  if (population === null || population === undefined) return null;
  if (zero_population) return "none, and that is proven: the signed log has no such event in this period";
  return number(population);
}

function Failure({ failure }) {
  if (typeof failure !== "object") return words(failure);
  return Object.entries(failure).map(([name, value]) => html`<span class="part">${words(name)}: ${String(value)} </span>`);
}

function Waived({ waiver, me }) {
  const { people } = usePeople(me);
  return html`
    <h3>Waiver</h3>
    <dl class="facts">
      <dt>Reason</dt>
      <dd>${waiver.reason}</dd>
      <dt>By</dt>
      <dd><${Named} id=${waiver.by} people=${people} me=${me} />, <${Moment} at=${waiver.at} /></dd>
      <dt>Counts until</dt>
      <dd><${Moment} at=${waiver.until} /></dd>
      ${waiver.after_missed && html`<dt>Note</dt><dd>It came when the evidence had been missed: it lowers the coverage all the same.</dd>`}
    </dl>
  `;
}

function Waiver({ item, cancel, onDone }) {
  const send = ({ reason, until }) =>
    post("/api/compliance/calendar/waivers", { obligation: item.obligation, period_from: item.period.from, reason, until });
  const done = () => {
    announce("Waived. The reason stands in the log.");
    onDone();
  };
  return html`
    <p>
      The evidence of ${spanOf([item])} is not waited for until the last day of the waiver. Who waives it, when and why is kept as evidence
      and cannot be taken back; a later waiver of the same period takes its place.
      ${item.missed_at && " It has been missed already: the waiver does not raise the coverage."}
    </p>
    <${Form} send=${send} onDone=${done} submit="Waive" cancel=${cancel}>
      <${Field} name="reason" label="Reason" kind="textarea" maxlength="500" required autofocus hint="An auditor reads it." />
      <${Field}
        name="until"
        label="Last day on which it counts"
        kind="date"
        value=${daysAgo(-USUAL_DAYS)}
        min=${daysAgo(0)}
        max=${daysAgo(-LONGEST_DAYS)}
        required
      />
    <//>
  `;
}
