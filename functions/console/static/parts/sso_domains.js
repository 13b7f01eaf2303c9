// The mail domains of a connection: named, proven by a TXT record, and dropped.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { get, patch, post } from "../core/api.js";
import { Badge } from "./badge.js";
import { Copyable } from "./copyable.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form } from "./form.js";
import { Day } from "./moment.js";
import { Card } from "./page.js";

const MOST_ROUNDS = 3;

export function Domains({ connection, path, may, setConnection }) {
  const [dropping, setDropping] = useState(null);
  const names = connection.domains.map(({ domain }) => domain);
  const add = ({ domain }) => changed(path, (now) => [...now, domain.trim().toLowerCase()]).catch(besideTheField);
  const drop = () => changed(path, (now) => now.filter((name) => name !== dropping));
  const dropped = (answer) => {
    setConnection(answer);
    setDropping(null);
    announce("The domain is dropped.");
  };
  return html`
    <${Card} title="Domains">
      <p>Once proven, a domain leads its people from the sign-in page to this provider, and somebody new becomes a member only with
        an address in one. A domain belongs to one connection alone.</p>
      ${connection.domains.map(
        (one) => html`<${Domain} key=${one.domain} ...${{ one, path, may, setConnection }} drop=${() => setDropping(one.domain)} />`,
      )}
      ${!names.length && html`<p class="empty">No domain is named yet.</p>`}
      ${may &&
      html`<div class="narrow">
        <${Form} send=${add} onDone=${setConnection} submit="Add the domain" reset>
          <${Field}
            name="domain"
            label="Another domain"
            hint="As in the addresses of your people: example.org"
            autocomplete="off"
            autocapitalize="none"
            required
          />
        <//>
      </div>`}
    <//>
    ${dropping &&
    html`
      <${Dialog} title=${`Drop ${dropping}`} onClose=${() => setDropping(null)}>
        <p>Nobody new joins with an address in it. Whoever has joined stays. To use it again it must be proven anew, with another token.</p>
        <${Form} send=${drop} onDone=${dropped} submit="Drop the domain" tone="danger" cancel=${() => setDropping(null)} />
      <//>
    `}
  `;
}

/**
 * The API takes the list as a whole. So what is changed is the list of this moment, not that of when the page was opened,
 * and only at the version that was read: where somebody else comes between the two requests, it is read again.
 */
async function changed(path, change) {
  for (let round = 1; ; round += 1) {
    const { domains, version } = await get(path);
    try {
      return await patch(path, { domains: change(domains.map(({ domain }) => domain)), if_version: version });
    } catch (fault) {
      if (fault.code !== "settings_changed" || round === MOST_ROUNDS) throw fault;
    }
  }
}

/** The API speaks of the list; the person has typed one domain. */
function besideTheField(fault) {
  for (const each of fault.errors || []) if (each.pointer.startsWith("/domains")) each.pointer = "/domain";
  throw fault;
}

function Domain({ one, path, may, setConnection, drop }) {
  const verify = async () => {
    setConnection(await post(`${path}/domains/verify`, { domain: one.domain }));
    announce(`${one.domain} is proven.`);
  };
  return html`
    <section class="domain" aria-label=${one.domain}>
      <div class="head">
        <h3>${one.domain} ${one.verified_at ? html`<${Badge} tone="good">proven<//>` : html`<${Badge} tone="warn">to be proven<//>`}</h3>
        ${may && html`<button type="button" aria-label=${`Drop ${one.domain}`} onClick=${drop}>Drop</button>`}
      </div>
      ${one.verified_at && html`<p class="fine">Proven on <${Day} at=${one.verified_at} />. The record may go.</p>`}
      ${!one.verified_at &&
      html`
        <p>Put this TXT record into the zone of the domain, then verify. It may take a while until the world sees it.</p>
        <${Copyable} label=${`Name of the TXT record of ${one.domain}`} value=${one.record.name} />
        <${Copyable} label=${`Value of the TXT record of ${one.domain}`} value=${one.record.value} />
        ${may && html`<p><${Act} label=${`Verify now: ${one.domain}`} act=${verify}>Verify now<//></p>`}
      `}
    </section>
  `;
}
