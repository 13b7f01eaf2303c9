// The question for a fresh proof. It stands over whatever is open, so that nothing typed there is lost.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { duration } from "../core/format.js";
import { asked } from "../core/step_up.js";
import { answerWithPasskey, passkeysWork } from "../core/passkey.js";
import { useSignal } from "../core/signal.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form, useField } from "./form.js";
import { atField } from "./password_field.js";

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
  if (!question.methods.length) return html`<${NoFactor} decline=${question.decline} />`;
  return html`<${Question} key=${question.challenge_id} question=${question} />`;
}

const NoFactor = ({ decline }) => html`
  <${Dialog} title="You need a second factor" onClose=${decline}>
    <p>
      This can only be done by somebody who proves himself with an authenticator app or a passkey, and you have neither yet.
      Nothing was changed.
    </p>
    <div class="buttons">
      <a class="button" href=${link(["account"])} onClick=${decline}>Set one up under “Your account”</a>
      <button type="button" onClick=${decline}>Not now</button>
    </div>
  <//>
`;

const ORDER = ["totp", "passkey", "recovery_code"];

function Question({ question }) {
  const { purpose, note, decline } = question;
  const methods = ORDER.filter((method) => question.methods.includes(method) && (method !== "passkey" || passkeysWork()));
  const [method, setMethod] = useState(methods[0]);
  const Way = WAYS[method];
  const others = methods.filter((other) => other !== method);
  return html`
    <${Dialog} title="Prove that it is you" onClose=${decline}>
      ${note && html`<p class="notice" role="status">${note}</p>`}
      <p>${WHY[purpose] || "Prove that it is you."}</p>
      ${Way ? html`<${Way} key=${method} question=${question} />` : html`<p class="notice warn">${NO_WAY}</p>`}
      ${others.length > 0 &&
      html`
        <ul class="others">
          ${others.map(
            (other) => html`
              <li><button type="button" class="link" onClick=${() => setMethod(other)}>${OTHERWISE[other]}</button></li>
            `,
          )}
        </ul>
      `}
    <//>
  `;
}

const NO_WAY = "What could prove you is a passkey, and this browser cannot use passkeys. Open the console in one that can.";

const OTHERWISE = {
  totp: "Use the authenticator app",
  recovery_code: "Use a recovery code",
  passkey: "Use a passkey",
};

/** What is asked of a code: `proof` makes of it what the API takes, `wrong` is said of one that proves nothing. */
const CODES = {
  totp: {
    proof: (code) => ({ code: code.replaceAll(/\s/g, "") }),
    wrong: "This code is not right, or it was used before. Wait until the app shows the next one.",
    label: "Code of your authenticator app",
    hint: "Six digits. Each code counts once: after a code that you have just used, wait for the next one.",
    pattern: "\\s*([0-9]\\s*){6}",
    title: "Six digits",
    inputmode: "numeric",
    autocomplete: "one-time-code",
  },
  recovery_code: {
    proof: (code) => ({ recovery_code: code.trim() }),
    wrong: "This is none of your codes, or it was used before.",
    label: "Recovery code",
    hint: "One of the codes that you kept, like 01-ABCDE-FGHJK. It is spent by this.",
    autocomplete: "off",
    autocapitalize: "characters",
  },
};

const WAYS = {
  totp: ({ question }) => html`<${Code} question=${question} ...${CODES.totp} />`,
  recovery_code: ({ question }) => html`<${Code} question=${question} ...${CODES.recovery_code} />`,
  passkey: ({ question }) => html`
    <p>Your browser asks for the passkey of this account.</p>
    <div class="buttons">
      <${Act} tone="main" act=${() => withPasskey(question)}>Use the passkey<//>
      <button type="button" onClick=${question.decline}>Cancel</button>
    </div>
  `,
};

/** One code. After a wrong one the field is empty again, and has the focus. */
function Code({ question, proof, wrong, ...given }) {
  const [, field, setCode] = useField("");
  const send = ({ code }) =>
    question.answer(proof(code)).catch((fault) => {
      setCode("");
      throw inWords(fault, wrong, question);
    });
  return html`
    <${Form} send=${send} submit="Confirm" cancel=${question.decline}>
      <${Field} name="code" ...${given} ...${field} required autofocus />
    <//>
  `;
}

async function withPasskey(question) {
  const passkey = await answerWithPasskey(question.passkey);
  return question.answer({ passkey }).catch((fault) => {
    if (fault.code === "invalid_credentials") fault.message = "It does not prove this account. Use another one, or another way.";
    throw fault;
  });
}

function inWords(fault, wrong, { methods }) {
  if (fault.code === "invalid_credentials") {
    return atField("code", wrong, "That was not accepted", "Nothing was changed. Try again.");
  }
  if (fault.code === "factor_locked" && fault.retryAfter) {
    const passkey = methods.includes("passkey") ? " A passkey still works." : "";
    const message = `No code is taken for the next ${duration(fault.retryAfter)}.${passkey}`;
    return Object.assign(new Error(message), { title: fault.title, errors: [] });
  }
  return fault;
}
