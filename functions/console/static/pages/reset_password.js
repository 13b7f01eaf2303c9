// The link of a reset message: choose a new password, then sign in with it.
import { html, useState } from "../core/library.js";
import { replace } from "../core/address.js";
import { arrived } from "../core/arrival.js";
import { showSignIn } from "../core/session.js";
import { inWords } from "../core/sign_in.js";
import { exchange } from "../core/wire.js";
import { BrokenLink, Door } from "../parts/door.js";
import { Form } from "../parts/form.js";
import { NewPassword, sendNewPassword } from "../parts/password_field.js";

export default function ResetPassword() {
  const [token] = useState(() => arrived("token"));
  if (!token) return html`<${BrokenLink}>${NO_TOKEN}<//>`;
  return html`
    <${Door} title="Choose a new password" lead="It takes the place of the old one, and you are signed out everywhere.">
      <${Form} send=${(values) => reset(token, values)} submit="Set the new password">
        <${NewPassword} name="new" />
      <//>
    <//>
  `;
}

const NO_TOKEN =
  "Open the link of the message as it is, in one piece. If you have loaded the page again, open it from the message once more.";

const USED = "The link works once, for half an hour. Ask for a new one on the sign-in page.";

async function reset(token, values) {
  const send = (body) => exchange("POST", "/api/auth/password/reset/complete", { body: { token, ...body } });
  await sendNewPassword(values, "new", send).catch((fault) => {
    if (fault.code === "invalid_grant") fault.message = USED;
    throw inWords(fault);
  });
  history.replaceState(null, "", "/");
  replace([]);
  showSignIn("Your new password is set, and all your sessions have ended. Sign in with it.");
}
