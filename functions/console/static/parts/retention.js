// What is kept for how long, and by what that is enforced.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { capital, number } from "../core/format.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";
import { Table } from "./table.js";

export function Retention() {
  const read = useRead("/api/compliance/retention");
  return html`
    <${Card} title="Retention">
      <${Loaded} read=${read} what="the retention">${(given) => html`<${Kept} given=${given} />`}<//>
    <//>
  `;
}

const lasting = (days) => (days === null ? "for ever" : `${number(days)} ${days === 1 ? "day" : "days"}`);

const ENFORCED = { ttl: "expiry of rows (TTL)", nothing: "nothing: it is meant to stay" };

const COLUMNS = [
  { head: "What", cell: ({ name }) => capital(name) },
  { head: "Kept", cell: ({ days }) => html`<span class="together">${lasting(days)}</span>` },
  { head: "Since", cell: ({ since }) => since || "–" },
  { head: "Enforced by", cell: ({ enforced_by }) => ENFORCED[enforced_by] || enforced_by },
  { head: "Where", cell: ({ where }) => html`<code>${where.join(", ")}</code>` },
];

const CHANGED = "The figures have changed since the log told of them last: the next job writes it down.";

function Kept({ given }) {
  const { policy, legal_holds, oldest_segment, told_in_full } = given;
  return html`
    <ul>
      <li>
        <a href=${link(["legal-holds"])}>Legal holds</a> that count now: ${number(legal_holds.active)}${legal_holds.truncated ? " or more" : ""}.
      </li>
      ${oldest_segment &&
      html`
        <li>
          The oldest sealed segment begins at <${Moment} at=${oldest_segment.from} /> and is locked until
          ${" "}<${Moment} at=${oldest_segment.retain_until} />.
        </li>
      `}
      <li>${told_in_full ? "These figures stand in the log." : CHANGED}</li>
    </ul>
    <${Table} caption="What is kept for how long" columns=${COLUMNS} rows=${policy} id=${({ name }) => name} />
  `;
}
