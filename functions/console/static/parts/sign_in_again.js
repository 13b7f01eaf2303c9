// The session ended while a page is open. The page stays, with all that was typed, and its person signs in over it:
// with the password here, or in another tab, whose session this one takes over. Only the button leaves; Escape does not.
import { html } from "../core/library.js";
import { replace } from "../core/address.js";
import { forget, oneself, recognise, session, take } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { lastConnection, saying, signIn, startOf } from "../core/sign_in.js";
import { Dialog } from "./dialog.js";
import { Form } from "./form.js";
import { atField, PasswordField } from "./password_field.js";

export function SignInAgain() {
  const { again } = useSignal(session);
  const own = oneself();
  if (!again || !own) return null;
  return html`
    <${Dialog} title="Sign in again">
      <p>Your session has ended. Nothing that you typed is lost: sign in as <strong>${own.staff.email}</strong> and go on.</p>
      ${own.session.amr.includes("fed") ? html`<${ByProvider} own=${own} />` : html`<${ByPassword} own=${own} />`}
      <p class="others"><button type="button" class="link" onClick=${leave}>Leave, and lose what is not saved</button></p>
    <//>
  `;
}

const ByPassword = ({ own }) => html`
  <${Form} send=${({ password }) => back(own, password)} submit="Sign in">
    <input type="email" name="email" value=${own.staff.email} autocomplete="username" readonly hidden />
    <${PasswordField} name="password" label="Password" autocomplete="current-password" autofocus />
  <//>
  <p class="others"><${Elsewhere} own=${own}>Sign in another way, in a new tab<//></p>
`;

const ByProvider = ({ own }) => html`
  <p>Do it in a new tab, and come back: this page goes on by itself.</p>
  <p><${Elsewhere} own=${own} look="button">Sign in with your identity provider<//></p>
`;

/** Another tab of this browser: whoever signs in there is told to this one. */
function Elsewhere({ own, look, children }) {
  const { tenant } = own.tenant;
  const connection = look && lastConnection();
  const place = connection ? startOf(tenant, connection) : `/?tenant=${encodeURIComponent(tenant)}`;
  return html`<a class=${look} href=${place} target="_blank" rel="noopener">${children}</a>`;
}

async function back(own, password) {
  const ask = () => signIn({ tenant: own.tenant.tenant, email: own.staff.email, password }).catch(ofPassword);
  take(await saying(ask));
  return recognise();
}

/** Nothing but the password was asked for. */
function ofPassword(fault) {
  if (fault.code !== "invalid_credentials") throw fault;
  throw atField("password", "It is not the password of this account, or the account is no longer active.", "This did not work", "Try again.");
}

function leave() {
  forget("Your session has ended.");
  replace([]);
}
