// Who acts in whose name, and who did; and how one begins.
import { html, useState } from "../core/library.js";
import { replace } from "../core/address.js";
import { remove } from "../core/api.js";
import { announce } from "../core/announce.js";
import { number, words } from "../core/format.js";
import { ENDINGS } from "../core/impersonation.js";
import { Badge } from "../parts/badge.js";
import { Act } from "../parts/form.js";
import { BeginImpersonation } from "../parts/begin_impersonation.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { More, usePages } from "../parts/pages_of.js";
import { Named, usePeople } from "../parts/people.js";
import { Table } from "../parts/table.js";

export default function Impersonation({ title, me, query }) {
  const pages = usePages("/api/impersonation", { limit: 50 }, (answer) => answer.impersonations);
  const people = usePeople(me);
  const own = pages.rows.find((one) => one.status === "active" && one.actor.staff_id === me.staff.staff_id);
  const may = me.permissions.includes("IMPERSONATE");
  const [open, setOpen] = useState(false);
  const close = () => (query.target ? replace(["impersonation"]) : setOpen(false));
  return html`
    <${Page}
      title=${title}
      lead="Acting in another person's name, for some minutes: to see what that person sees. Each one is recorded with its reason, and both names stand in every entry of the log."
      actions=${may && html`<button type="button" class="main" onClick=${() => setOpen(true)}>Act as somebody …</button>`}
    >
      ${Object.hasOwn(ENDINGS, query.over || "") && html`<div class="notice" role="status">${ENDINGS[query.over]}</div>`}
      ${own && html`<${Own} one=${own} me=${me} people=${people.people} reload=${pages.reload} />`}
      <section class="card">
        ${pages.last &&
        html`<${Table}
          caption="Impersonations"
          columns=${columnsFor(me, people.people)}
          rows=${pages.rows}
          id=${(one) => one.impersonation_id}
          empty="Nobody has acted in another person's name."
        />`}
        ${(!pages.last || pages.fault || pages.rows.length > 0) &&
        html`<${More}
          pages=${pages}
          what=${pages.rows.length === 1 ? "impersonation" : "impersonations"}
        />`}
      </section>
      ${may && (open || query.target) &&
      html`<${BeginImpersonation}
        me=${me}
        people=${people}
        target=${query.target}
        close=${close}
      />`}
    <//>
  `;
}

/** One that this tab does not hold: of another tab, or of one that was closed or loaded anew. */
function Own({ one, me, people, reload }) {
  const end = async () => {
    await remove("/api/impersonation");
    announce("The impersonation has ended.");
    reload();
  };
  return html`
    <div class="notice warn">
      <p>
        <strong>You have an impersonation open</strong>, as <${Named} id=${one.target.staff_id} people=${people} me=${me} />, until
        ${" "}<${Moment} at=${one.expires_at} />: in another tab, or in one that was closed. Beginning another one ends it.
      </p>
      <${Act} act=${end}>End it<//>
    </div>
  `;
}

const CAUSES = {
  ended: "ended by the actor",
  superseded: "another one was begun",
  expired: "its time was over",
  switched_off: "switched off for the tenant",
  actor_lost_rights: "the actor lost the right",
  actor_session_ended: "the actor's session ended",
  target_changed: "the person's account changed",
  target_ended: "it was ended for the person",
};

const columnsFor = (me, people) => [
  { head: "In the name of", cell: (one) => html`<${Party} party=${one.target} people=${people} me=${me} />` },
  { head: "Done by", cell: (one) => html`<${Party} party=${one.actor} people=${people} me=${me} />` },
  {
    head: "State",
    cell: (one) =>
      one.status === "active"
        ? html`<${Badge} tone="bad">acting now<//>`
        : html`<${Badge}>ended<//><span class="below">${CAUSES[one.cause] || words(one.cause)}</span>`,
  },
  { head: "Mode", cell: (one) => html`<${Badge} tone=${one.mode === "write" ? "warn" : "plain"}>${one.mode}<//>` },
  { head: "Reason", prose: true, cell: (one) => html`${one.reason}${one.ticket && html`<span class="below">Ticket ${one.ticket}</span>`}` },
  { head: "Began", cell: (one) => html`<${Moment} at=${one.started_at} />` },
  { head: "Ended", cell: (one) => html`<${End} one=${one} />` },
  { head: "Requests", numeric: true, cell: (one) => html`<${Requests} one=${one} />` },
];

const Party = ({ party, people, me }) => html`
  <${Named} id=${party.staff_id} people=${people} me=${me} />
  <span class="below">${party.role}</span>
`;

function End({ one }) {
  if (one.ended_at) return html`<${Moment} at=${one.ended_at} />`;
  return html`<span class="below">${one.status === "active" ? "until" : "at the latest"} <${Moment} at=${one.expires_at} /></span>`;
}

const Requests = ({ one }) => html`
  ${number(one.requests)} ${one.denied > 0 && html`<span class="below">${one.denied} refused</span>`}
`;
