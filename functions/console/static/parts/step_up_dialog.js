// The question for a fresh proof. It stands over whatever is open, so that nothing typed there is lost.
import { html, useState } from "../core/library.js";
import { asked } from "../core/step_up.js";
import { answerWithPasskey } from "../core/passkey.js";
import { useSignal } from "../core/signal.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form } from "./form.js";

const WHY = {
  login: "This sign-in looks unusual. Prove that it is you.",
  refresh: "This session looks unusual. Prove that it is you.",
  data_export: "Evidence leaves the service: prove that it is you.",
  account_security: "You change how your account is protected: prove that it is you.",
  rbac_admin: "You change who may do what: prove that it is you.",
  impersonate: "You are about to act in another person's name: prove that it is you.",
};

export function StepUpDialog() {
  const question = useSignal(asked);
  if (!question) return null;
  return html`<${Question} key=${question.challenge_id} question=${question} />`;
}

function Question({ question }) {
  const { methods, answer, decline } = question;
  const [method, setMethod] = useState(methods[0]);
  return html`
    <${Dialog} title="Prove that it is you" onClose=${decline}>
      <p>${WHY[question.purpose] || "Prove that it is you."}</p>
      ${method === "totp" && html`<${Code} answer=${answer} decline=${decline} />`}
      ${method === "recovery_code" && html`<${RecoveryCode} answer=${answer} decline=${decline} />`}
      ${method === "passkey" && html`<${Passkey} question=${question} />`}
      <ul class="others">
        ${methods
          .filter((other) => other !== method)
          .map((other) => html`<li><button type="button" class="link" onClick=${() => setMethod(other)}>${OTHERWISE[other]}</button></li>`)}
      </ul>
    <//>
  `;
}

const OTHERWISE = {
  totp: "Use the authenticator app",
  recovery_code: "Use a recovery code",
  passkey: "Use a passkey",
};

const Code = ({ answer, decline }) => html`
  <${Form} send=${({ code }) => answer({ code: code.replaceAll(/\s/g, "") })} submit="Confirm" cancel=${decline}>
    <${Field}
      name="code"
      label="Code of your authenticator app"
      hint="Six digits. Each code counts once: after a code that you have just used, wait for the next one."
      inputmode="numeric"
      autocomplete="one-time-code"
      required
      autofocus
    />
  <//>
`;

const RecoveryCode = ({ answer, decline }) => html`
  <${Form} send=${({ code }) => answer({ recovery_code: code.trim() })} submit="Confirm" cancel=${decline}>
    <${Field} name="code" label="Recovery code" hint="It is spent by this." autocomplete="off" required autofocus />
  <//>
`;

const Passkey = ({ question }) => html`
  <p><${Act} tone="main" act=${async () => question.answer({ passkey: await answerWithPasskey(question.passkey) })}>Use the passkey<//></p>
`;
