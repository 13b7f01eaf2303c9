// Signing in by the organization's identity provider: found by a mail domain, or named.
import { html } from "../core/library.js";
import { goToProvider, lastConnection, providerOf, saying } from "../core/sign_in.js";
import { Field, Form } from "./form.js";

/** Whoever has the address of a colleague has the domain; `others` leads to the other ways to sign in. */
export const ByDomain = ({ others }) => html`
  <div>
    <${Form} send=${found} submit="Go on to the provider">
      <${Field}
        name="email"
        label="E-mail"
        hint="Your organization’s provider is found by what stands behind the @."
        kind="email"
        autocomplete="username"
        required
      />
    <//>
    ${others}
  </div>
`;

async function found({ email }) {
  goToProvider(await saying(() => providerOf(email)));
}

/** `organization` is the field of the tenant; `named` the connection that a link has named. */
export const ByName = ({ organization, named, others }) => html`
  <div>
    <${Form} send=${async (values) => goToProvider(values)} submit="Go on to the provider">
      ${organization}
      <${Field}
        name="connection"
        label="Name of the connection"
        hint="Your administrator has told you, or sent a link that fills it in."
        value=${named || lastConnection()}
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        required
      />
    <//>
    ${others}
  </div>
`;
