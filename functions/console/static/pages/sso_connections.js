// The identity providers that the tenant trusts.
import { html } from "../core/library.js";
import { go, link } from "../core/address.js";
import { announce } from "../core/announce.js";
import { post } from "../core/api.js";
import { number } from "../core/format.js";
import { Badge } from "../parts/badge.js";
import { Field, Form } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { NoSuch, NotYours, isId } from "../parts/no_such.js";
import { OneConnection } from "../parts/one_connection.js";
import { Card, Page } from "../parts/page.js";
import { Algorithms, algorithmsOf, Secret } from "../parts/sso_fields.js";
import { Table } from "../parts/table.js";

const PATH = "/api/sso-connections";
const back = html`<a class="button" href=${link(["sso-connections"])}>Back to the connections</a>`;

export default function SsoConnections({ title, me, path }) {
  const may = me.permissions.includes("SETTINGS_SECURITY_MANAGE");
  if (path[0] === "new" && !may) return html`<${NotYours} title="Add a connection" back=${back} />`;
  if (path[0] === "new") return html`<${NewConnection} />`;
  if (path[0] && !isId(path[0])) return html`<${NoSuch} what="connection" back=${back} />`;
  if (path[0]) {
    const place = `${PATH}/${encodeURIComponent(path[0])}`;
    return html`<${OneConnection} key=${path[0]} path=${place} me=${me} may=${may} back=${back} />`;
  }
  const action = may && html`<a class="button main" href=${link(["sso-connections", "new"])}>Add a connection</a>`;
  return html`
    <${Page} title=${title} lead="People sign in with the account that they have at your identity provider (OpenID Connect)." actions=${action}>
      <${Connections} may=${may} />
    <//>
  `;
}

function Connections({ may }) {
  const read = useRead(PATH);
  const columns = [
    { head: "Name", cell: (one) => html`<a href=${link(["sso-connections", one.connection_id])}>${one.name}</a>` },
    { head: "Provider", cell: (one) => html`<code>${one.issuer}</code>` },
    { head: "State", cell: (one) => html`<${Badge} tone=${one.enabled ? "good" : "plain"}>${one.enabled ? "on" : "off"}<//>` },
    { head: "New people", cell: (one) => (one.provisioning ? "join by signing in" : "by invite only") },
    { head: "Domains", cell: proven },
  ];
  const empty = `There is no connection: people sign in with a password.${may ? " Add one, and they can use the account that they have already." : ""}`;
  return html`
    <${Card} title="Connections">
      <${Loaded} read=${read} what="the connections">
        ${({ connections }) =>
          html`<${Table} caption="Connections" columns=${columns} rows=${connections} id=${(one) => one.connection_id} empty=${empty} />`}
      <//>
    <//>
  `;
}

const proven = ({ domains }) => {
  const count = domains.filter((domain) => domain.verified_at).length;
  return domains.length ? `${number(count)} of ${number(domains.length)} proven` : "none";
};

function NewConnection() {
  const send = ({ name, issuer, client_id, client_secret, enabled, ...rest }) => {
    const body = { name, issuer, client_id, enabled, algorithms: algorithmsOf(rest) };
    return post(PATH, client_secret ? { ...body, client_secret } : body);
  };
  const made = (connection) => {
    announce("The connection is made. Enter its redirect URI at the provider now.");
    go(["sso-connections", connection.connection_id]);
  };
  return html`
    <${Page} title="Add a connection" lead="Have the page of your provider open: it tells what to enter here." actions=${back}>
      <${Card} title="The provider">
        <div class="narrow">
          <${Form} send=${send} onDone=${made} submit="Add the connection" cancel=${() => go(["sso-connections"])}>
            <${Field} name="name" label="Name" hint="What people call it. It can be changed." maxlength="64" required />
            <${Field}
              name="issuer"
              label="Issuer"
              kind="url"
              hint="Exactly as the provider's /.well-known/openid-configuration names it. It never changes: another provider is another connection."
              autocomplete="off"
              required
            />
            <${Field} name="client_id" label="Client id" hint="What the provider calls this service. It never changes." autocomplete="off" required />
            <${Secret} hint="Leave it empty for a public client. A secret is sealed, and shown to nobody." />
            <${Algorithms} chosen=${["RS256"]} />
            <${Field}
              name="enabled"
              kind="checkbox"
              label="Switch it on at once"
              hint="Leave it off while the provider does not know the redirect URI. You get that URI in the next step."
            />
          <//>
        </div>
      <//>
    <//>
  `;
}
