// The session ended while a page is open. The page stays, with all that was typed, and its person signs in over it.
import { html } from "../core/library.js";
import { replace } from "../core/address.js";
import { forget, isSamePerson, recognise, session, take } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { signIn } from "../core/sign_in.js";
import { Dialog } from "./dialog.js";
import { Field, Form } from "./form.js";

export function SignInAgain() {
  const { again, me } = useSignal(session);
  if (!again || !me) return null;
  return html`
    <${Dialog} title="Sign in again" onClose=${leave}>
      <p>Your session has ended. Nothing that you typed is lost: sign in as ${me.staff.email} and go on.</p>
      <${Form} send=${({ password }) => back(me, password)} submit="Sign in" cancel=${leave}>
        <input type="email" name="email" value=${me.staff.email} autocomplete="username" readonly hidden />
        <${Field} name="password" label="Password" kind="password" autocomplete="current-password" required autofocus />
      <//>
    <//>
  `;
}

async function back(me, password) {
  const answer = await signIn({ tenant: me.tenant.tenant, email: me.staff.email, password });
  if (!isSamePerson(answer)) return location.reload();
  take(answer);
  return recognise();
}

function leave() {
  forget("Your session has ended.");
  replace([]);
}
