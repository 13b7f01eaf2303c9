// Legal holds: whoever is held cannot be erased. Owners place and release them; whoever may see the settings sees them.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { Badge } from "../parts/badge.js";
import { Dialog } from "../parts/dialog.js";
import { Field, Form, useField } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { Named, PersonChoice, usePeople } from "../parts/people.js";
import { usePortion } from "../parts/portion.js";
import { Reason } from "../parts/staff_dialogs.js";
import { Table } from "../parts/table.js";

export default function LegalHolds({ title, me }) {
  const read = useRead("/api/legal-holds");
  const people = usePeople(me);
  const [open, setOpen] = useState(null); // "place", or the hold that is to be released
  const close = () => setOpen(null);
  const owns = me.permissions.includes("OWNERSHIP");
  return html`
    <${Page}
      title=${title}
      lead="A hold keeps people from being erased, as a court or a case may ask. It lengthens nothing else: what is kept for how long stays as the retention says."
      actions=${owns && html`<button type="button" class="main" onClick=${() => setOpen("place")}>Place a hold …</button>`}
    >
      <${Loaded} read=${read} what="the legal holds">
        ${(data) => html`
          <section class="card"><${Holds} data=${data} me=${me} people=${people.people} release=${owns && setOpen} /></section>
        `}
      <//>
      ${!owns && html`<p class="fine">Owners of the tenant place and release holds.</p>`}
      ${open === "place" && html`<${Place} people=${people} close=${close} done=${read.reload} />`}
      ${open?.hold_id && html`<${Release} hold=${open} close=${close} done=${read.reload} />`}
    <//>
  `;
}

function Holds({ data, me, people, release }) {
  const [all, setAll] = useState(true);
  const found = data.holds.filter((hold) => all || hold.status === "ACTIVE");
  const [shown, below] = usePortion(found, "holds");
  if (!data.holds.length) return html`<p class="empty">Nobody is held, and nobody has been: whoever is deactivated can be erased.</p>`;
  return html`
    <${Field}
      name="released"
      kind="checkbox"
      label="Show released holds too"
      checked=${all}
      onInput=${(event) => setAll(event.target.checked)}
    />
    <${Table}
      caption="Legal holds"
      columns=${columnsFor(me, people, release)}
      rows=${shown}
      id=${(hold) => hold.hold_id}
      empty="No hold is in force."
    />
    ${below}
    ${data.truncated && html`<p class="fine">There are more holds than the list holds: the newest 1000 are shown.</p>`}
  `;
}

const columnsFor = (me, people, release) => [
  {
    head: "Who is held",
    cell: ({ staff_id: id }) => (id ? html`<${Named} id=${id} people=${people} me=${me} />` : "Everybody of the tenant"),
  },
  {
    head: "State",
    cell: ({ status }) => (status === "ACTIVE" ? html`<${Badge} tone="warn">in force<//>` : html`<${Badge}>released<//>`),
  },
  { head: "Reason", prose: true, cell: (hold) => html`${hold.reason}${hold.case && html`<span class="below">Case ${hold.case}</span>`}` },
  {
    head: "Placed",
    cell: (hold) => html`
      <${Moment} at=${hold.placed_at} />
      <span class="below">by <${Named} id=${hold.placed_by} people=${people} me=${me} /></span>
    `,
  },
  { head: "Released", cell: (hold) => html`<${Released} hold=${hold} me=${me} people=${people} release=${release} />` },
];

function Released({ hold, me, people, release }) {
  if (hold.status !== "ACTIVE") {
    return html`
      <${Moment} at=${hold.released_at} />
      <span class="below">by <${Named} id=${hold.released_by} people=${people} me=${me} />: ${hold.release_reason}</span>
    `;
  }
  if (!release) return "–";
  const label = `Release the hold: ${hold.reason}`;
  return html`<button type="button" aria-label=${label} onClick=${() => release(hold)}>Release …</button>`;
}

function Place({ people, close, done }) {
  const [scope, scopeField] = useField("staff");
  const send = (values) => post("/api/legal-holds", asked(values));
  const onDone = () => {
    close();
    announce(scope === "tenant" ? "Nobody of the tenant can be erased now." : "The person cannot be erased now.");
    done();
  };
  return html`
    <${Dialog} title="Place a legal hold" onClose=${close}>
      <p>From now on nobody whom it keeps can be erased, until an owner releases it. It stays in the list for good.</p>
      <${Form} send=${send} onDone=${onDone} submit="Place the hold" cancel=${close}>
        <${Field} name="scope" label="Whom it keeps" kind="select" options=${SCOPES} ...${scopeField} />
        ${scope === "staff" &&
        html`<${PersonChoice}
          name="staff_id"
          legend="The person"
          read=${people}
          fit=${(one) => one.status !== "ERASED"}
          empty="There is nobody to hold."
        />`}
        <${Field}
          name="reason"
          label="Reason"
          kind="textarea"
          maxlength="500"
          hint="Kept as evidence, sealed: of a person it goes with that person's data."
          required
        />
        <${Field}
          name="case"
          label="Case (not required)"
          maxlength="100"
          hint="A file number. It stays in the log in the clear: name nobody in it."
          autocomplete="off"
        />
      <//>
    <//>
  `;
}

const SCOPES = [
  ["staff", "one person"],
  ["tenant", "everybody of the tenant"],
];

/** What was left empty is left out: the API takes no empty values. */
function asked(values) {
  const body = { scope: values.scope, reason: values.reason };
  if (values.scope === "staff") body.staff_id = values.staff_id;
  if (values.case.trim()) body.case = values.case.trim();
  return body;
}

function Release({ hold, close, done }) {
  const send = ({ reason }) => remove(`/api/legal-holds/${encodeURIComponent(hold.hold_id)}`, {}, { reason });
  const onDone = () => {
    close();
    announce("The hold is released.");
    done();
  };
  return html`
    <${Dialog} title="Release the hold" onClose=${close}>
      <p>
        ${hold.scope === "tenant" ? "People of the tenant" : "The person"} can be erased again, unless another hold is in force. The
        hold stays in the list as released.
      </p>
      <dl class="facts">
        <dt>Placed for</dt>
        <dd>${hold.reason}</dd>
        ${hold.case && html`<dt>Case</dt><dd>${hold.case}</dd>`}
      </dl>
      <${Form} send=${send} onDone=${onDone} submit="Release" cancel=${close} tone="danger">
        <${Reason} hint="Kept as evidence, beside the reason of the hold." />
      <//>
    <//>
  `;
}
