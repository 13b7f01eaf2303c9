// One connection: what the provider must know, what people use, and how far it is trusted.
import { html, useState } from "../core/library.js";
import { go } from "../core/address.js";
import { announce } from "../core/announce.js";
import { get, patch, remove } from "../core/api.js";
import { Copyable } from "./copyable.js";
import { Dialog } from "./dialog.js";
import { Field, Form } from "./form.js";
import { Failed, Loading, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card, Page } from "./page.js";
import { Domains } from "./sso_domains.js";
import { Algorithms, algorithmsOf, inOrder, Secret } from "./sso_fields.js";

const MINUTE = 60;
const MOST_MINUTES = 1440;

export function OneConnection({ path, me, may, back }) {
  const read = useRead(path);
  const [changed, setChanged] = useState(null);
  const connection = changed || read.data;
  const given = connection && { connection, path, may, setConnection: setChanged };
  return html`
    <${Page} title=${connection ? connection.name : "Connection"} lead="A connection to an identity provider." actions=${back}>
      ${read.fault && html`<${Failed} fault=${read.fault} again=${read.reload} />`}
      ${!connection && !read.fault && html`<${Loading} what="the connection" />`}
      ${connection &&
      html`
        <${State} connection=${connection} />
        <${ForProvider} connection=${connection} />
        <${ForPeople} connection=${connection} tenant=${me.tenant.tenant} />
        <${Trust} ...${given} />
        <${Domains} ...${given} />
        ${may && html`<${Removal} ...${given} />`}
      `}
    <//>
  `;
}

const State = ({ connection }) =>
  !connection.enabled &&
  html`
    <div class="notice warn">
      <strong>It is switched off: nobody signs in by it.</strong>
      <p>Enter the redirect URI at the provider first. Then switch it on below.</p>
    </div>
  `;

const ForProvider = ({ connection }) => html`
  <${Card} title="For the provider">
    <p>
      Register a web application there: authorization code with PKCE (S256), scopes <code>openid email profile</code>. No implicit
      grant, no wildcard.
    </p>
    <${Copyable}
      label="Redirect URI"
      value=${connection.redirect_uri}
      hint="With all that stands behind the question mark. The provider compares it sign by sign."
    />
    <dl class="facts">
      <dt>Issuer</dt>
      <dd><code>${connection.issuer}</code></dd>
      <dt>Client id</dt>
      <dd><code>${connection.client_id}</code></dd>
      <dt>Client secret</dt>
      <dd>${connection.client_authentication === "secret" ? "set, and shown to nobody" : "none: a public client"}</dd>
      <dt>Changed</dt>
      <dd><${Moment} at=${connection.changed_at} /></dd>
    </dl>
  <//>
`;

function ForPeople({ connection, tenant }) {
  const query = new URLSearchParams({ tenant, sso: connection.connection_id });
  return html`
    <${Card} title="For your people">
      <p>
        Put this link where your people find it. Whoever has an account here links it once, on the page “Your account”; an e-mail
        address alone never links anybody.
      </p>
      <${Copyable} label="Link to sign in" value=${`${new URL(connection.start_url).origin}/?${query}`} />
    <//>
  `;
}

const SWITCHES = [
  [
    "enabled",
    "It signs people in",
    "Switched off, nobody signs in by it from that moment on. Sessions that it has opened live on: end them on the page Staff.",
  ],
  [
    "provisioning",
    "Somebody new becomes a member by signing in",
    "Only with an address that the provider has verified, in a domain that is proven below.",
  ],
];

/** How far the provider is trusted: a form for whoever may change it, a list for others. */
function Trust({ connection, path, may, setConnection }) {
  const [saves, setSaves] = useState(0);
  if (!may) return html`<${TrustTold} connection=${connection} />`;
  const send = async (values) => {
    try {
      return await patch(path, differing(connection, values));
    } catch (fault) {
      if (fault.code !== "settings_changed") throw fault;
      setConnection(await get(path));
      throw OVERTAKEN;
    }
  };
  const done = (answer) => {
    setConnection(answer);
    setSaves(saves + 1); // a new form: the secret that was typed does not stay in it
    announce("The connection is saved.");
  };
  return html`
    <${Card} title="How far it is trusted">
      <div class="narrow">
        <${Form} key=${saves} send=${send} onDone=${done} submit="Save">
          <${Field} name="name" label="Name" value=${connection.name} maxlength="64" required />
          ${SWITCHES.map(
            ([name, label, hint]) => html`<${Field} kind="checkbox" ...${{ name, label, hint }} checked=${connection[name]} />`,
          )}
          <${Field}
            name="max_age_seconds"
            label="Longest time since the provider asked for a password, in minutes"
            hint="An older sign-in at the provider does not count. 0: any age. At most 1440."
            inputmode="numeric"
            value=${String((connection.max_age_seconds || 0) / MINUTE)}
            required
          />
          <${Algorithms} chosen=${connection.algorithms} />
          <${Secret} hint="Leave it empty to keep the one that there is. A new one counts from the next sign-in on." />
        <//>
      </div>
    <//>
  `;
}

/**
 * Only what was changed is sent, so that what somebody else changes meanwhile stays. A list is sent as a whole, hence only
 * at the version that was read: it would trust again what somebody else has just ceased to trust.
 */
function differing(connection, { client_secret: secret, max_age_seconds: minutes, ...values }) {
  const age = Math.round(Number(minutes) * MINUTE);
  if (!(age >= 0 && age <= MOST_MINUTES * MINUTE)) throw NO_AGE;
  const wanted = {
    name: values.name,
    enabled: values.enabled,
    provisioning: values.provisioning,
    max_age_seconds: age,
    algorithms: algorithmsOf(values),
  };
  const before = {
    ...connection,
    max_age_seconds: connection.max_age_seconds || 0,
    algorithms: inOrder(connection.algorithms),
  };
  const changed = Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
  const sent = { ...Object.fromEntries(changed), ...(secret && { client_secret: secret }) };
  return sent.algorithms ? { ...sent, if_version: connection.version } : sent;
}

const OVERTAKEN = {
  title: "Somebody else changed the connection meanwhile",
  message:
    "Nothing was saved. What you changed still stands, and everything else is shown as it is now. Look at it, and save again.",
};

// Said here, since the API speaks of seconds.
const NO_AGE = {
  title: "This is no such time",
  message: "Nothing was saved.",
  errors: [{ pointer: "/max_age_seconds", detail: `Give 0 to ${MOST_MINUTES} minutes.` }],
};

const TrustTold = ({ connection }) => html`
  <${Card} title="How far it is trusted">
    <dl class="facts">
      <dt>It signs people in</dt>
      <dd>${connection.enabled ? "yes" : "no"}</dd>
      <dt>Somebody new becomes a member by signing in</dt>
      <dd>${connection.provisioning ? "yes, from a proven domain" : "no"}</dd>
      <dt>Longest time since the provider asked</dt>
      <dd>${connection.max_age_seconds ? `${connection.max_age_seconds / MINUTE} minutes` : "any"}</dd>
      <dt>Signatures</dt>
      <dd>${connection.algorithms.join(", ")}</dd>
    </dl>
  <//>
`;

function Removal({ connection, path }) {
  const [asked, setAsked] = useState(false);
  const close = () => setAsked(false);
  const done = () => {
    announce(`The connection ${connection.name} is removed.`);
    go(["sso-connections"]);
  };
  return html`
    <${Card} title="Remove the connection">
      <p>Nobody signs in by it any more, and its domains are free for another connection. To stop it for a while, switch it off instead.</p>
      <button type="button" class="danger" onClick=${() => setAsked(true)}>Remove the connection</button>
    <//>
    ${asked &&
    html`
      <${Dialog} title=${`Remove ${connection.name}`} onClose=${close}>
        <p>
          From that moment on nobody signs in by it, and people without a password cannot sign in at all. Sessions that it has opened
          live on. This cannot be undone: a new connection has another redirect URI, and its domains must be proven anew.
        </p>
        <${Form} send=${() => remove(path)} onDone=${done} submit="Remove it" tone="danger" cancel=${close} />
      <//>
    `}
  `;
}
