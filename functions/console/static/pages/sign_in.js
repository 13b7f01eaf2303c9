// Signing in: with a password, or by the tenant's identity provider.
import { html, useState } from "../core/library.js";
import { session, recognise, take } from "../core/session.js";
import { signIn } from "../core/sign_in.js";
import { Door } from "../parts/door.js";
import { Field, Form } from "../parts/form.js";

const TENANT = "muniment-tenant"; // remembered for the next time; no secret

export default function SignIn() {
  const [{ why }] = useState(session.get());
  const tenant = new URLSearchParams(location.search).get("tenant") || localStorage.getItem(TENANT) || "";
  return html`
    <${Door} title="Sign in">
      ${why && html`<p class="notice" role="status">${why}</p>`}
      <${Form} send=${enter} submit="Sign in">
        <${Field} name="tenant" label="Organization" value=${tenant} autocomplete="organization" autocapitalize="none" required />
        <${Field} name="email" label="E-mail" kind="email" autocomplete="username" required />
        <${Field} name="password" label="Password" kind="password" autocomplete="current-password" required />
      <//>
    <//>
  `;
}

async function enter(values) {
  const answer = await signIn(values);
  localStorage.setItem(TENANT, values.tenant);
  take(answer);
  return recognise();
}
