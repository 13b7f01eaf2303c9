// Signing in: with a password, or by the organization's identity provider.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { arrived } from "../core/arrival.js";
import { Problem } from "../core/problem.js";
import { session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { enter, inWords, lastConnection, lastTenant, saying, signIn, signInWithCode } from "../core/sign_in.js";
import { exchange } from "../core/wire.js";
import { Door } from "../parts/door.js";
import { Fault, Field, Form, useField } from "../parts/form.js";
import { PasswordField } from "../parts/password_field.js";
import { ByDomain, ByName } from "../parts/provider_sign_in.js";

const asked = new URLSearchParams(location.search);
const BY_PROVIDER = "Sign in with your identity provider";
const TITLES = { password: "Sign in", domain: BY_PROVIDER, named: BY_PROVIDER, forgotten: "Forgotten your password?" };

/** Who has named a connection before finds it filled in. */
const byProvider = () => (lastConnection() ? "named" : "domain");

export default function SignIn() {
  const { why } = useSignal(session);
  const [code] = useState(() => arrived("code"));
  const [fault, setFault] = useState(failure);
  const [way, setWay] = useState(code ? "code" : asked.has("sso") ? "named" : "password");
  const [, tenant] = useField(asked.get("tenant") || lastTenant()); // kept from one way to another
  const place = useRef(null);
  // Who comes here wants to type: the first field that is empty has the focus, and not the heading.
  useEffect(() => [...(place.current?.querySelectorAll("input") || [])].find((field) => !field.value)?.focus(), [way]);
  const change = (next) => {
    setFault(null);
    setWay(next);
  };
  if (way === "code") return html`<${Exchange} code=${code} failed=${(refused) => (setFault(refused), setWay(byProvider()))} />`;
  const View = VIEWS[way];
  return html`
    <${Door} title=${TITLES[way]}>
      <div key=${way} ref=${place}>
        ${why && !fault && html`<p class="notice" role="status">${why}</p>`}
        ${fault && html`<${Fault} fault=${fault} />`}
        <${View} tenant=${tenant} change=${change} />
      </div>
    <//>
  `;
}

const Organization = ({ tenant }) => html`
  <${Field}
    name="tenant"
    label="Organization"
    hint="As in the address that you were given, or in the invitation."
    ...${tenant}
    autocomplete="organization"
    autocapitalize="none"
    spellcheck=${false}
    required
  />
`;

const Other = ({ change, to, children }) =>
  html`<li><button type="button" class="link" onClick=${() => change(to)}>${children}</button></li>`;

function Password({ tenant, change }) {
  return html`
    <div>
      <${Form} send=${bySecret} submit="Sign in">
        <${Organization} tenant=${tenant} />
        <${Field} name="email" label="E-mail" kind="email" autocomplete="username" required />
        <${PasswordField} name="password" label="Password" autocomplete="current-password" />
      <//>
      <ul class="others">
        <${Other} change=${change} to=${byProvider()}>${BY_PROVIDER}<//>
        <${Other} change=${change} to="forgotten">Forgotten your password?<//>
      </ul>
    </div>
  `;
}

async function bySecret(values) {
  return enter(await saying(() => signIn(values)));
}

const OTHERS = {
  domain: [
    ["named", "Name organization and connection instead"],
    ["password", "Sign in with a password"],
  ],
  named: [
    ["domain", "Find it by your e-mail address"],
    ["password", "Sign in with a password"],
  ],
};

const Others = ({ way, change }) =>
  html`<ul class="others">${OTHERS[way].map(([to, text]) => html`<${Other} change=${change} to=${to}>${text}<//>`)}</ul>`;

const Domain = ({ change }) => html`<${ByDomain} others=${html`<${Others} way="domain" change=${change} />`} />`;

const Named = ({ tenant, change }) => html`
  <${ByName}
    organization=${html`<${Organization} tenant=${tenant} />`}
    named=${asked.get("sso")}
    others=${html`<${Others} way="named" change=${change} />`}
  />
`;

function Forgotten({ tenant, change }) {
  const [sent, setSent] = useState("");
  const send = async (values) => {
    await saying(() => exchange("POST", "/api/auth/password/reset", { body: values }));
    setSent(values.email);
  };
  return html`
    <div>
      ${sent
        ? html`<p class="notice good" role="status">
            If ${sent} has an account there, a message with a link is on its way. The link works once, for half an hour. Nothing
            came? Look among the unwanted mail, and check organization and address.
          </p>`
        : html`
            <p>We send you a link by which you choose a new one.</p>
            <${Form} send=${send} submit="Send the link">
              <${Organization} tenant=${tenant} />
              <${Field} name="email" label="E-mail" kind="email" autocomplete="username" required />
            <//>
          `}
      <ul class="others"><${Other} change=${change} to="password">Back to signing in<//></ul>
    </div>
  `;
}

const VIEWS = { password: Password, domain: Domain, named: Named, forgotten: Forgotten };

function Exchange({ code, failed }) {
  useEffect(() => {
    signInWithCode(code)
      .then(enter)
      .catch((refused) => failed(ofProvider(refused)));
  }, []);
  return html`<${Door} title="Signing in …"><p class="loading" role="status">One moment.</p><//>`;
}

const NOT_DONE =
  "The identity provider did not confirm who you are, it took too long, or it knows you by an address that has no account " +
  "here. Try again; if it does not help, ask an administrator, who finds the reason in the activity log.";

/** What has ended a sign-in on its way: the API names its code in the address. */
function failure() {
  const code = arrived("failed");
  return code ? ofProvider(new Problem(0, { code, title: "The sign-in did not work", detail: "Try again." })) : null;
}

function ofProvider(fault) {
  if (fault.code === "invalid_credentials") return Object.assign(fault, { title: "The sign-in did not work", message: NOT_DONE });
  if (fault.code !== "not_found") return inWords(fault);
  const message = "Your organization has no identity provider of this name, or it is switched off. Check both names.";
  return Object.assign(fault, { title: "There is no such connection", message });
}
