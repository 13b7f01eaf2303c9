// The authenticator app: set one up with a picture or by hand, replace it, remove it.
import { html, useEffect, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { administers } from "../core/roles.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Act, Fault, Field, Form, useField } from "./form.js";
import { Loading } from "./loaded.js";
import { Card } from "./page.js";
import { atField } from "./password_field.js";

/** `has` is what GET /api/auth/factors gave; `show(codes)` shows recovery codes, `changed()` reads anew. */
export function Authenticator({ has, me, show, changed, begin = false }) {
  const [open, setOpen] = useState(begin ? "setup" : "");
  const finished = (codes) => {
    setOpen("");
    show(codes);
  };
  return html`
    <${Card} title="Authenticator app" more=${state(has)}>
      ${open === "setup"
        ? html`<${SetUp} replaces=${has.totp} finished=${finished} cancel=${begin ? null : () => setOpen("")} />`
        : html`
            <p>${explained(has)}</p>
            <div class="buttons">
              <button type="button" class=${has.totp ? "" : "main"} onClick=${() => setOpen("setup")}>
                ${has.totp ? "Replace it" : "Set up an authenticator app"}
              </button>
              ${has.totp && html`<button type="button" class="danger" onClick=${() => setOpen("removal")}>Remove it</button>`}
            </div>
          `}
      ${open === "removal" && html`<${Removal} has=${has} me=${me} changed=${changed} close=${() => setOpen("")} />`}
    <//>
  `;
}

function state(has) {
  if (has.totp_disabled) return html`<${Badge} tone="bad">takes no codes<//>`;
  return has.totp ? html`<${Badge} tone="good">on<//>` : html`<${Badge} tone="warn">off<//>`;
}

const DISABLED =
  "There were too many wrong codes, so it takes none any more. Prove yourself with a recovery code or a passkey, and replace it.";

function explained(has) {
  if (has.totp_disabled) return DISABLED;
  if (has.totp) return "Its codes prove that it is you when something sensitive is done, or a sign-in looks unusual.";
  return "An app on your phone shows a new code every half a minute. Whoever has only your password gets no further.";
}

/** The secret is shown once, and counts when a code of it has been confirmed. */
function SetUp({ replaces, finished, cancel }) {
  const [state, setState] = useState({});
  const ask = () => {
    setState({});
    Promise.all([post("/api/auth/factors/totp"), import("./qr_code.js")]).then(
      ([offer, { QrCode }]) => setState({ offer, QrCode }),
      (fault) => setState({ fault }),
    );
  };
  useEffect(ask, []);
  if (state.fault) {
    return html`
      <${Fault} fault=${state.fault} />
      <div class="buttons">
        <button type="button" onClick=${ask}>Try again</button>
        ${cancel && html`<button type="button" onClick=${cancel}>Cancel</button>`}
      </div>
    `;
  }
  if (!state.offer) return html`<${Loading} what="a new secret" />`;
  return html`
    ${replaces && html`<p class="notice">${REPLACES}</p>`}
    <${Offer} ...${state} />
    <div class="narrow"><${Confirmation} finished=${finished} cancel=${cancel} ask=${ask} /></div>
  `;
}

const REPLACES =
  "Until you confirm a code of the new one, the old one stays. Then all your other sessions end, and you get new recovery codes.";

function Offer({ offer, QrCode }) {
  const groups = offer.secret.match(/.{1,4}/g).join(" ");
  return html`
    <ol class="steps">
      <li>
        <p>
          Scan this picture with your authenticator app. On the phone itself,${" "}
          <a href=${offer.otpauth_uri}>open the app by this link</a>.
        </p>
        <${QrCode} text=${offer.otpauth_uri} label="QR code with the secret for your authenticator app; it follows as text." />
        <p>Or type this into it by hand, as a key for time-based codes:</p>
        <p><code class="secret">${groups}</code></p>
      </li>
      <li><p>Type the code that the app shows now.</p></li>
    </ol>
  `;
}

function Confirmation({ finished, cancel, ask }) {
  const [, field, setCode] = useField("");
  const send = ({ code }) =>
    post("/api/auth/factors/totp/confirm", { code: code.replaceAll(/\s/g, "") }).catch((fault) => {
      setCode("");
      if (fault.code === "challenge_expired") ask();
      throw inWords(fault);
    });
  return html`
    <${Form} send=${send} onDone=${(answer) => finished(answer.recovery_codes)} submit="Confirm the code" cancel=${cancel}>
      <${Field}
        name="code"
        label="Code"
        hint="Six digits."
        inputmode="numeric"
        autocomplete="one-time-code"
        ...${field}
        required
      />
    <//>
  `;
}

const WRONG = "This is not what an app shows for the secret above. Wait for its next code; is the clock of the phone right?";

function inWords(fault) {
  if (fault.code === "invalid_credentials") {
    return atField("code", WRONG, "The code is not right", "Nothing was changed. Try again.");
  }
  if (fault.code === "challenge_expired") fault.message = "It was not confirmed in time. Here is a new secret: scan it again.";
  return fault;
}

const LAST =
  "With it go your recovery codes: only the password is left, and whatever needs a second factor is closed to you.";

function Removal({ has, me, changed, close }) {
  const act = async () => {
    await remove("/api/auth/factors/totp");
    close();
    changed();
    announce("The authenticator is removed. All your other sessions have ended.");
  };
  const last = !has.passkeys;
  return html`
    <${Dialog} title="Remove the authenticator?" onClose=${close}>
      ${last && administers(me)
        ? html`<p>It is your only second factor, and your role needs one. Add a passkey first, or replace this.</p>`
        : html`
            <p>
              Its codes prove nothing any more, and all your other sessions end at once.
              ${last && ` ${LAST}`}
            </p>
          `}
      <div class="buttons">
        ${!(last && administers(me)) && html`<${Act} tone="main danger" act=${act}>Remove it<//>`}
        <button type="button" onClick=${close}>Keep it</button>
      </div>
    <//>
  `;
}
