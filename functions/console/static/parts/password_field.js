// A field for a password, which can be looked at before it is sent. Pasting and password managers work as in any other.
import { html, useState } from "../core/library.js";
import { Field } from "./form.js";

export function PasswordField({ what = "password", ...given }) {
  const [shown, setShown] = useState(false);
  return html`
    <${Field}
      ...${given}
      kind=${shown ? "text" : "password"}
      look="secret-field"
      autocapitalize="none"
      spellcheck=${false}
      required
    >
      <button type="button" class="link fine" aria-pressed=${shown ? "true" : "false"} onClick=${() => setShown(!shown)}>
        ${shown ? "Hide" : "Show"}<span class="unseen"> ${what}</span>
      </button>
    <//>
  `;
}

const RULES =
  "At least 15 characters; 8 are enough once you have a second factor. A few words that do not belong together are good.";

/** A new password, and the same again. `name` is the member of the body. */
export const NewPassword = ({ name, label = "New password" }) => html`
  <${PasswordField} name=${name} label=${label} what=${label.toLowerCase()} hint=${RULES} autocomplete="new-password" />
  <${PasswordField} name="repeat" label="The same again" what="the repeated password" autocomplete="new-password" />
`;

const REASONS = {
  too_short: "It is too short.",
  too_long: "It is longer than 256 characters.",
  common: "It is one of the passwords that are tried first, or repeats itself.",
  contains_context_word: "Without your name, your organization's or this service's, too little of it is left.",
  unchanged: "It is the password that you have already.",
};

/**
 * Sends `values` without the repeated password, which has to be the same as the member `name`; what is refused about the
 * new password stands beside its field.
 */
export async function sendNewPassword({ repeat, ...values }, name, send) {
  if (repeat !== values[name]) throw atField("repeat", "The two are not the same.", "The passwords differ");
  try {
    return await send(values);
  } catch (fault) {
    if (fault.code !== "password_rejected") throw fault;
    const said = fault.document.reasons.map((reason) => REASONS[reason] || reason).join(" ");
    throw atField(name, said, "Choose another password");
  }
}

/** A fault that stands beside a field. */
export function atField(name, detail, title, message = "Nothing was changed.") {
  return Object.assign(new Error(message), { title, errors: [{ pointer: `/${name}`, detail }] });
}
