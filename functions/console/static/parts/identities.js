// Identities of providers by which one signs in: linked by their owner, from a session of his.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { lastConnection } from "../core/sign_in.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form } from "./form.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";
import { Table } from "./table.js";

export function Identities({ me }) {
  const read = useRead("/api/auth/sso/identities");
  const known = useRead(me.permissions.includes("SETTINGS_SECURITY_VIEW") ? "/api/sso-connections" : null);
  const [open, setOpen] = useState(null); // "new", or the identity to unlink
  const connections = known.data?.connections || [];
  const nameOf = (id) => connections.find((each) => each.connection_id === id)?.name || id;
  const close = () => setOpen(null);
  const unlinked = () => {
    close();
    read.reload();
    announce("The identity is unlinked.");
  };
  return html`
    <${Card} title="Identity providers">
      <p>Accounts at your organization's identity provider that sign you in here, without a password of this service.</p>
      <${Loaded} read=${read} what="your identities">
        ${({ identities }) =>
          identities.length > 0 && html`<${Listed} identities=${identities} nameOf=${nameOf} chosen=${setOpen} />`}
      <//>
      <div class="buttons"><button type="button" onClick=${() => setOpen("new")}>Link an identity</button></div>
      ${open === "new" && html`<${Linking} connections=${connections.filter((each) => each.enabled)} close=${close} />`}
      ${open?.identity_id &&
      html`<${Unlinking} identity=${open} name=${nameOf(open.connection_id)} close=${close} done=${unlinked} />`}
    <//>
  `;
}

const Listed = ({ identities, nameOf, chosen }) => html`
  <${Table}
    caption="Identities that sign you in"
    id=${(each) => each.identity_id}
    rows=${identities}
    columns=${[
      { head: "Provider", cell: (each) => nameOf(each.connection_id) },
      { head: "Linked", cell: (each) => html`<${Moment} at=${each.linked_at} />` },
      {
        head: "Action",
        cell: (each) => html`
          <button type="button" class="danger" aria-label=${`Unlink ${nameOf(each.connection_id)}`} onClick=${() => chosen(each)}>
            Unlink
          </button>
        `,
      },
    ]}
  />
`;

function Linking({ connections, close }) {
  const send = async (values) => {
    const { authorization_url } = await post("/api/auth/sso/link", values);
    location.assign(authorization_url);
  };
  const names = connections.map((each) => [each.connection_id, each.name]);
  return html`
    <${Dialog} title="Link an identity" onClose=${close}>
      <p>You go to the provider, sign in there, and come back. From then on that account signs you in here.</p>
      <${Form} send=${send} submit="Go on to the provider" cancel=${close}>
        ${names.length
          ? html`<${Field} name="connection_id" label="Provider" kind="select" options=${names} value=${names[0][0]} />`
          : html`
              <${Field}
                name="connection_id"
                label="Name of the connection"
                hint="Your administrator can tell you."
                value=${lastConnection()}
                autocomplete="off"
                autocapitalize="none"
                required
                autofocus
              />
            `}
      <//>
    <//>
  `;
}

function Unlinking({ identity, name, close, done }) {
  const act = async () => {
    await remove(`/api/auth/sso/identities/${encodeURIComponent(identity.identity_id)}`);
    done();
  };
  return html`
    <${Dialog} title=${`Unlink ${name}?`} onClose=${close}>
      <p>
        The account at the provider does not sign you in here any more. Sessions that it has opened go on: end them under
        “Your sessions”.
      </p>
      <div class="buttons">
        <${Act} tone="main danger" act=${act}>Unlink it<//>
        <button type="button" onClick=${close}>Keep it</button>
      </div>
    <//>
  `;
}
