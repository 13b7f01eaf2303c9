// The link of an invitation: choose a password, and be signed in.
import { html, useState } from "../core/library.js";
import { replace } from "../core/address.js";
import { arrived } from "../core/arrival.js";
import { signedOut } from "../core/session.js";
import { enter, inWords } from "../core/sign_in.js";
import { exchange } from "../core/wire.js";
import { BrokenLink, Door } from "../parts/door.js";
import { Field, Form } from "../parts/form.js";
import { NewPassword, sendNewPassword } from "../parts/password_field.js";

export default function AcceptInvite() {
  const [token] = useState(() => arrived("token"));
  if (!token) return html`<${BrokenLink}>${NO_TOKEN}<//>`;
  return html`
    <${Door} title="Welcome" lead="You were invited to Muniment. Choose a password, and you are signed in.">
      <${Form} send=${(values) => accept(token, values)} submit="Join">
        <${Field}
          name="name"
          label="Your name"
          hint="Leave it empty to keep the one in the invitation."
          autocomplete="name"
          maxlength="200"
        />
        <${NewPassword} name="password" label="Password" />
      <//>
    <//>
  `;
}

const NO_TOKEN =
  "Open the link of the invitation as it is, in one piece. If you have opened it here before and loaded the page again, open " +
  "it from the message once more. Have you joined already? Then sign in.";

async function accept(token, { name, ...values }) {
  const answer = await sendNewPassword(values, "password", async (body) => {
    await signedOut();
    return exchange("POST", "/api/auth/invites/accept", { body: { token, mode: "cookie", ...body, ...(name && { name }) } });
  }).catch((fault) => {
    throw ended(fault);
  });
  history.replaceState(null, "", "/");
  replace([]);
  return enter(answer);
}

const SAID = {
  invalid_grant:
    "It was used, taken back or replaced by a newer one. Ask whoever invited you for a new invitation, or sign in if you " +
    "have joined.",
  invite_expired: "Ask whoever invited you for a new invitation.",
};

function ended(fault) {
  if (SAID[fault.code]) fault.message = SAID[fault.code];
  return inWords(fault);
}
