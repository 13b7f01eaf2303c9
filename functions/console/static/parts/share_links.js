// Links by which an auditor without an account fetches a bundle: made for one named person, counted, ended at any time.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { number, words } from "../core/format.js";
import { Badge } from "./badge.js";
import { Copyable } from "./copyable.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form } from "./form.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";
import { Named } from "./people.js";
import { Table } from "./table.js";

const USUAL_DAYS = 14;

export function ShareLinks({ id, people, me }) {
  const path = `/api/compliance/exports/${encodeURIComponent(id)}/share-links`;
  const read = useRead(path);
  const [open, setOpen] = useState(null); // "make", {made} or {revoking}
  const close = () => setOpen(null);
  const revoked = () => {
    announce("Revoked: the link lets nobody in any more.");
    close();
    read.reload();
  };
  const made = (answer) => {
    setOpen({ made: answer });
    read.reload();
  };
  return html`
    <${Card} title="Share links" more=${html`<button type="button" onClick=${() => setOpen("make")}>Make a link</button>`}>
      <p>Whoever holds a link downloads this bundle without an account, until it expires or is revoked. Each use stands in the log.</p>
      <${Loaded} read=${read} what="the links">
        ${({ share_links, truncated }) => html`
          <${Table}
            caption="Share links of the bundle"
            columns=${columns(people, me, (row) => setOpen({ revoking: row }))}
            rows=${share_links}
            id=${(row) => row.share_id}
            empty="Nobody has a link to this bundle."
          />
          ${truncated && html`<p class="fine">There are more: the latest ones are shown.</p>`}
        `}
      <//>
      ${open === "make" && html`<${Make} path=${path} onClose=${close} onDone=${made} />`}
      ${open?.made && html`<${Made} answer=${open.made} onClose=${close} />`}
      ${open?.revoking && html`<${Revoke} path=${path} row=${open.revoking} onClose=${close} onDone=${revoked} />`}
    <//>
  `;
}

const TONES = { OPEN: "good", REVOKED: "bad" };

const columns = (people, me, revoke) => [
  { head: "For", cell: (row) => row.auditor ?? html`<span class="fine">erased</span>` },
  { head: "State", cell: (row) => html`<${Badge} tone=${TONES[row.status] || "plain"}>${words(row.status)}<//>` },
  { head: "Expires", cell: (row) => html`<${Moment} at=${row.expires_at} />` },
  { head: "Used", cell: used },
  { head: "Made", cell: (row) => html`<${Moment} at=${row.created_at} /> by <${Named} id=${row.created_by} people=${people} me=${me} />` },
  {
    head: "End",
    cell: (row) => (row.status === "OPEN" ? html`<${Revoking} row=${row} revoke=${revoke} />` : ended(row, people, me)),
  },
];

const used = ({ uses, last_used_at }) => html`
  ${number(uses)} ${uses === 1 ? "time" : "times"}${last_used_at && html`, last <${Moment} at=${last_used_at} />`}
`;

const Revoking = ({ row, revoke }) => html`
  <button type="button" class="danger" aria-label=${`Revoke the link for ${nameOf(row)}`} onClick=${() => revoke(row)}>Revoke</button>
`;

const nameOf = ({ auditor }) => auditor || "an erased person";

const ended = ({ revoked_at, revoked_by }, people, me) =>
  revoked_at &&
  html`<span class="fine">revoked <${Moment} at=${revoked_at} /> by <${Named} id=${revoked_by} people=${people} me=${me} /></span>`;

function Make({ path, onClose, onDone }) {
  const send = ({ auditor, days }) => post(path, { auditor, expires_in_days: Number(days) });
  return html`
    <${Dialog} title="Make a share link" onClose=${onClose}>
      <${Form} send=${send} onDone=${onDone} submit="Make the link" cancel=${onClose}>
        <${Field}
          name="auditor"
          label="For whom"
          hint="Name or firm, or an e-mail address: it stands in the log with each use."
          maxlength="200"
          required
          autofocus
          autocomplete="off"
        />
        <${Field}
          name="days"
          label="Days that it counts"
          hint="1 to 90."
          kind="number"
          min="1"
          max="90"
          value=${USUAL_DAYS}
          required
        />
        <p class="fine">You are asked to prove that it is you, since evidence leaves the service.</p>
      <//>
    <//>
  `;
}

const Made = ({ answer, onClose }) => html`
  <${Dialog} title="The link, this once" onClose=${onClose}>
    <p>Copy it now: it is kept as a hash only, and nobody can show it again. Send it to its auditor and to nobody else.</p>
    <${Copyable} label="Share link" value=${answer.url} />
    <p class="fine">It counts until <${Moment} at=${answer.expires_at} />.</p>
    <div class="buttons"><button type="button" class="main" onClick=${onClose}>I have copied it</button></div>
  <//>
`;

const Revoke = ({ path, row, onClose, onDone }) => html`
  <${Dialog} title="Revoke the link?" onClose=${onClose}>
    <p>
      The link for ${nameOf(row)} lets nobody in any more, at once and for ever. What was downloaded with it stays where it
      is, and a download that it has just led to can still begin for five minutes.
    </p>
    <div class="buttons">
      <${Act} tone="main danger" act=${() => remove(`${path}/${encodeURIComponent(row.share_id)}`).then(onDone)}>Revoke<//>
      <button type="button" onClick=${onClose}>Cancel</button>
    </div>
  <//>
`;
