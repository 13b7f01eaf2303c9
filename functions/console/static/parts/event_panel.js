// One event of the log, with all that its row holds.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { country, words } from "../core/format.js";
import { actionName } from "./action_name.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Moment } from "./moment.js";
import { Reckoning } from "./reckoning.js";
import { Table } from "./table.js";

const TONES = { success: "good", denied: "bad", failure: "bad", error: "bad" };

export const Outcome = ({ outcome }) => html`<${Badge} tone=${TONES[outcome] || "plain"}>${words(outcome)}<//>`;

/** `onStep(1)` goes to the row below, `onStep(-1)` to the one above; left out where there is none. */
export function EventPanel({ row, onClose, before, after }) {
  return html`
    <${Dialog} title=${actionName(row.action)} kind="panel" onClose=${onClose}>
      <div class="buttons">
        <a class="button main" href=${link(["log"], { event: row.event_id })}>Prove it</a>
        <button type="button" disabled=${!before} onClick=${before}>Newer</button>
        <button type="button" disabled=${!after} onClick=${after}>Older</button>
      </div>
      <dl class="facts">
        ${factsOf(row).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
      </dl>
      <${Changes} before=${row.before} after=${row.after} />
      <${Metadata} metadata=${row.metadata} />
    <//>
  `;
}

function factsOf(row) {
  const code = (value) => value && html`<code>${value}</code>`;
  const facts = [
    ["When", html`<${Moment} at=${row.time_utc} /> <code>${row.time_utc}</code>`],
    ["Outcome", html`<${Outcome} outcome=${row.outcome} />`],
    ["Reason", row.reason],
    ["Done by", html`${row.actor_email || ""} <code>${row.actor_id || "unknown"}</code> (${row.actor_type})`],
    ["In the name of", code(row.on_behalf_of)],
    ["Done to", row.target_id && html`<code>${row.target_id}</code> (${row.target_type})`],
    ["Resource", code(row.resource)],
    ["Country", row.country && `${country(row.country)} (${row.country})`],
    ["Address", code(row.ip)],
    ["Browser or program", row.user_agent],
    ["Session", code(row.session_id)],
    ["Correlation", code(row.correlation_id)],
    ["Criteria", row.tsc.join(", ")],
    ["Action", code(row.action)],
    ["Event", code(row.event_id)],
    ["Place in the log", html`lane <code>${row.lane}</code>, number <code>${row.seq}</code>`],
    ["Leaf hash", code(row.leaf_hash)],
  ];
  return facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function Changes({ before, after }) {
  if (!before && !after) return null;
  const [old, next] = [membersOf(before), membersOf(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(next)])].sort();
  const columns = [
    { head: "What", cell: (name) => words(name) },
    { head: "Before", cell: (name) => shown(old[name]) },
    { head: "After", cell: (name) => shown(next[name]) },
  ];
  return html`<h3>What changed</h3><${Table} caption="What changed" columns=${columns} rows=${names} id=${(name) => name} />`;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const membersOf = (value) => (isObject(value) ? value : value === null || value === undefined ? {} : { value });

/** A value of any kind as text. */
function shown(value) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object") return String(value);
  return html`<pre>${JSON.stringify(value, null, 1)}</pre>`;
}

const isDecision = (metadata) => Array.isArray(metadata.signals) && Number.isInteger(metadata.score);

function Metadata({ metadata }) {
  if (!metadata || !Object.keys(metadata).length) return null;
  if (isDecision(metadata)) return html`<h3>How the risk was weighed</h3><${Reckoning} decision=${metadata} />`;
  return html`
    <h3>Further details</h3>
    <dl class="facts">
      ${Object.entries(metadata).map(([name, value]) => html`<dt>${words(name)}</dt><dd>${shown(value)}</dd>`)}
    </dl>
  `;
}
