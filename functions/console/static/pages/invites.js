// Who was asked to join the tenant, and what became of it.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { covers, givable, outranks } from "../core/roles.js";
import { Badge } from "../parts/badge.js";
import { Dialog } from "../parts/dialog.js";
import { Act, Field, Form, useField } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { Named, usePeople } from "../parts/people.js";
import { usePortion } from "../parts/portion.js";
import { Erase } from "../parts/staff_dialogs.js";
import { Table } from "../parts/table.js";

const STATES = {
  OPEN: ["warn", "open"],
  ACCEPTED: ["good", "accepted"],
  REVOKED: ["plain", "revoked"],
  EXPIRED: ["plain", "expired"],
};

export default function Invites({ title, me }) {
  const read = useRead("/api/staff/invites");
  const { people } = usePeople(me);
  const [open, setOpen] = useState(null); // {act: "invite" | "revoke" | "erase", invite}
  const close = () => setOpen(null);
  return html`
    <${Page}
      title=${title}
      lead="An invite is a mail with a link. It counts for 72 hours, once; whoever follows it sets a password and is one of you."
      actions=${html`<button type="button" class="main" onClick=${() => setOpen({ act: "invite" })}>Invite somebody …</button>`}
    >
      <${Loaded} read=${read} what="the invites">
        ${(data) => html`<section class="card"><${List} data=${data} me=${me} people=${people} open=${setOpen} /></section>`}
      <//>
      ${open?.act === "invite" && html`<${Invite} me=${me} again=${open.invite} close=${close} done=${read.reload} />`}
      ${open?.act === "revoke" && html`<${Revoke} invite=${open.invite} close=${close} done=${read.reload} />`}
      ${open?.act === "erase" && html`<${Erase} person=${open.invite} me=${me} close=${close} done=${read.reload} />`}
    <//>
  `;
}

function List({ data, me, people, open }) {
  const [status, statusField] = useField("");
  const found = data.invites.filter((invite) => !status || invite.status === status);
  const [shown, below] = usePortion(found, "invites");
  const columns = columnsFor(me, people, open);
  if (!data.invites.length) return html`<p class="empty">${NOBODY}</p>`;
  return html`
    <div class="inline narrow">
      <${Field} name="status" label="Show" kind="select" options=${OPTIONS} ...${statusField} />
    </div>
    <${Table}
      caption="Invites"
      columns=${columns}
      rows=${shown}
      id=${(invite) => invite.invite_id}
      empty="No invite is in this state."
    />
    ${below}
    ${data.truncated && html`<p class="fine">There are more invites than the list holds: the newest 1000 are shown.</p>`}
  `;
}

const NOBODY = "Nobody was invited in the last 30 days. Whoever is to have an account here gets an invite: the button above begins one.";
const OPTIONS = [["", "all invites"], ...Object.entries(STATES).map(([status, [, text]]) => [status, text])];

const columnsFor = (me, people, open) => [
  { head: "Address", cell: (invite) => html`${invite.email}${invite.name && html`<span class="below">${invite.name}</span>`}` },
  { head: "Role", cell: (invite) => html`<span class="role">${invite.role}</span>` },
  { head: "State", cell: (invite) => html`<${Badge} tone=${STATES[invite.status][0]}>${STATES[invite.status][1]}<//>` },
  {
    head: "Invited by",
    cell: ({ invited_by: id }) => (id ? html`<${Named} id=${id} people=${people} me=${me} />` : "the service"),
  },
  {
    head: "Sent",
    cell: (invite) => html`
      <${Moment} at=${invite.created_at} />
      <span class="below">${invite.status === "OPEN" ? "counts" : "counted"} until <${Moment} at=${invite.expires_at} /></span>
    `,
  },
  { head: "What you can do", cell: (invite) => html`<${Acts} invite=${invite} me=${me} open=${open} />` },
];

function Acts({ invite, me, open }) {
  if (invite.status === "ACCEPTED") return html`<a href=${`#/staff/${invite.staff_id}`}>See the person</a>`;
  if (!covers(me.role, invite.role)) return "–";
  const act = (name) => () => open({ act: name, invite });
  const button = (name, text, label, tone = "") =>
    html`<button type="button" class=${tone} aria-label=${`${label} ${invite.email}`} onClick=${act(name)}>${text} …</button>`;
  if (invite.status === "OPEN") return button("revoke", "Revoke", "Revoke the invite to");
  return html`
    <span class="badges">
      ${button("invite", "Invite again", "Invite again:")}
      ${me.permissions.includes("OWNERSHIP") && button("erase", "Erase", "Erase what is held of", "danger")}
    </span>
  `;
}

function Invite({ me, again, close, done }) {
  const [role, roleField] = useField(again?.role || "member");
  const [email, emailField] = useField(again?.email || "");
  const send = (values) => post("/api/staff/invites", asked(values));
  const onDone = () => {
    close();
    announce(`The invite to ${email} is on its way.`);
    done();
  };
  return html`
    <${Dialog} title="Invite somebody" onClose=${close}>
      <p>An earlier open invite to the same address is void with this one.</p>
      <${Form} send=${send} onDone=${onDone} submit="Send the invite" cancel=${close}>
        <${Field}
          name="email"
          label="E-mail address"
          kind="email"
          ...${emailField}
          maxlength="320"
          autocomplete="off"
          required
          autofocus
        />
        <${Field}
          name="name"
          label="Name (not required)"
          value=${again?.name || ""}
          hint="The person can correct it when joining."
          maxlength="200"
          autocomplete="off"
        />
        <${Field} name="role" label="Role" kind="select" options=${givable(me.role)} ...${roleField} />
        <p class="fine" role="status">${outranks(role, "member") ? ABOVE : ""}</p>
      <//>
    <//>
  `;
}

const ABOVE = "A role above member: you will be asked to prove that it is you.";

function asked({ email, role, name }) {
  const body = { email: email.trim(), role };
  return name.trim() ? { ...body, name: name.trim() } : body;
}

function Revoke({ invite, close, done }) {
  const revoke = async () => {
    await remove(`/api/staff/invites/${encodeURIComponent(invite.invite_id)}`);
    close();
    announce(`The invite to ${invite.email} counts no more.`);
    done();
  };
  return html`
    <${Dialog} title=${`Revoke the invite to ${invite.email}`} onClose=${close}>
      <p>The link of the mail stops working at once. The invite stays in the list, and the address can be invited again.</p>
      <div class="buttons">
        <${Act} tone="main danger" act=${revoke}>Revoke<//>
        <button type="button" onClick=${close}>Keep it</button>
      </div>
    <//>
  `;
}
