// One's own account: who one is, the password, what proves one besides it, and the identities of providers.
import { html, useEffect, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { replace } from "../core/address.js";
import { arrived } from "../core/arrival.js";
import { capital } from "../core/format.js";
import { recognise } from "../core/session.js";
import { Authenticator } from "../parts/authenticator.js";
import { Identities } from "../parts/identities.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Card, Page } from "../parts/page.js";
import { Passkeys } from "../parts/passkeys.js";
import { PasswordChange } from "../parts/password_change.js";
import { RecoveryCodes, ShownOnce } from "../parts/recovery_codes.js";

export default function Account({ title, me }) {
  if (me.impersonation) return html`<${Page} title=${title} lead=${NOT_YOURS} />`;
  if (me.must_enrol) return html`<${MustEnrol} />`;
  return html`<${Own} title=${title} me=${me} />`;
}

const NOT_YOURS = "How an account is protected is seen and changed by its own person alone.";

function Own({ title, me }) {
  const factors = useRead("/api/auth/factors");
  const [codes, setCodes] = useState(null);
  const done = () => {
    setCodes(null);
    factors.reload();
  };
  const shown = { changed: factors.reload, show: setCodes };
  return html`
    <${Page} title=${title}>
      <${Arrived} />
      <${WhoYouAre} me=${me} />
      <${Loaded} read=${factors} what="what protects your account">
        ${(has) => html`
          <${Authenticator} has=${has} me=${me} ...${shown} />
          ${(has.totp || has.passkeys > 0) && html`<${RecoveryCodes} has=${has} ...${shown} />`}
          <${Passkeys} has=${has} me=${me} ...${shown} />
          ${has.password && html`<${PasswordChange} me=${me} has=${has} />`}
        `}
      <//>
      <${Identities} me=${me} />
      ${codes && html`<${ShownOnce} codes=${codes} account=${me.staff.email} done=${done} />`}
    <//>
  `;
}

const WhoYouAre = ({ me }) => html`
  <${Card} title="Who you are">
    <dl class="facts">
      <dt>Name</dt>
      <dd>${me.staff.name || "–"}</dd>
      <dt>E-mail</dt>
      <dd>${me.staff.email}</dd>
      <dt>Role</dt>
      <dd>${capital(me.role)}</dd>
      <dt>Organization</dt>
      <dd>${me.tenant.name} <span class="fine">(${me.tenant.tenant} when you sign in)</span></dd>
    </dl>
    <p class="fine">Name and address are kept by your administrators.</p>
  <//>
`;

/** What a provider's answer to the linking of an identity has put into the address, said once. */
function Arrived() {
  const [failed] = useState(() => arrived("failed"));
  useEffect(() => {
    if (arrived("linked")) announce("The identity is linked: you can sign in with it from now on.");
  }, []);
  if (!failed) return null;
  return html`
    <div class="notice bad" role="alert">
      <strong>The identity was not linked</strong>
      <p>
        The provider did not confirm it, it took too long, or the identity is linked to somebody already. Nothing was changed.
      </p>
    </div>
  `;
}

const WHY =
  "Your role needs one: besides the password, a code of an app on your phone proves that it is you. It takes two minutes, " +
  "and opens the console.";

/** The one thing that an administrator without a second factor can do. */
function MustEnrol() {
  const [codes, setCodes] = useState(null);
  const done = async () => {
    await recognise();
    replace([]);
  };
  return html`
    <${Page} title="Set up your second factor" lead=${WHY}>
      <${Authenticator} has=${{ totp: false }} show=${setCodes} changed=${() => null} begin />
      ${codes && html`<${ShownOnce} codes=${codes} account="" done=${done} />`}
    <//>
  `;
}
