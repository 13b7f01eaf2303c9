// Passkeys: of the device, of a security key or of a password manager. They cannot be guessed or told to somebody else.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { makePasskey, passkeysWork } from "../core/passkey.js";
import { administers } from "../core/roles.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Act, Field, Form } from "./form.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";
import { Table } from "./table.js";

export function Passkeys({ has, me, changed }) {
  const read = useRead("/api/auth/factors/passkeys");
  const [open, setOpen] = useState(null); // "new", or the passkey to remove
  const close = () => setOpen(null);
  const done = (said) => {
    close();
    changed();
    read.reload();
    announce(said);
  };
  return html`
    <${Card} title="Passkeys" more=${html`<${Badge} tone=${has.passkeys ? "good" : "plain"}>${has.passkeys || "none"}<//>`}>
      <p>The fingerprint, the face or the PIN of your device, or a security key, instead of a code.</p>
      <${Loaded} read=${read} what="your passkeys">
        ${({ passkeys }) => passkeys.length > 0 && html`<${Listed} passkeys=${passkeys} chosen=${setOpen} />`}
      <//>
      <${Offer} has=${has} add=${() => setOpen("new")} />
      ${open === "new" && html`<${Added} close=${close} done=${done} />`}
      ${open?.passkey_id &&
      html`<${Removal} passkey=${open} last=${!has.totp && has.passkeys === 1} me=${me} close=${close} done=${done} />`}
    <//>
  `;
}

/** A passkey is added by somebody who proves himself with another factor: there has to be one. */
function Offer({ has, add }) {
  if (!passkeysWork()) return html`<p class="notice">This browser cannot make or use passkeys. Open the console in one that can.</p>`;
  if (!has.totp && !has.passkeys) return html`<p class="fine">Set up an authenticator app first: it proves that the passkey is yours.</p>`;
  return html`<div class="buttons"><button type="button" onClick=${add}>Add a passkey</button></div>`;
}

const Listed = ({ passkeys, chosen }) => html`
  <${Table}
    caption="Your passkeys"
    id=${(each) => each.passkey_id}
    rows=${passkeys}
    columns=${[
      { head: "Name", cell: (each) => each.name },
      { head: "Added", cell: (each) => html`<${Moment} at=${each.created_at} />` },
      { head: "Last used", cell: (each) => (each.last_used_at ? html`<${Moment} at=${each.last_used_at} />` : "never") },
      { head: "Kept", cell: (each) => (each.backed_up ? "in several places" : "on one device") },
      {
        head: "Action",
        cell: (each) =>
          html`
            <button type="button" class="danger" aria-label=${`Remove ${each.name}`} onClick=${() => chosen(each)}>Remove</button>
          `,
      },
    ]}
  />
`;

function Added({ close, done }) {
  const send = async ({ name }) => {
    const options = await post("/api/auth/factors/passkeys");
    const passkey = await makePasskey(options);
    return post("/api/auth/factors/passkeys/confirm", name ? { passkey, name } : { passkey });
  };
  return html`
    <${Dialog} title="Add a passkey" onClose=${close}>
      <p>Your browser asks where the passkey is to be kept. A second factor that you have is asked for first.</p>
      <${Form} send=${send} onDone=${() => done("The passkey is added.")} submit="Add the passkey" cancel=${close}>
        <${Field}
          name="name"
          label="What you call it"
          hint="For instance: laptop, blue key."
          maxlength="64"
          autocomplete="off"
          autofocus
        />
      <//>
    <//>
  `;
}

function Removal({ passkey, last, me, close, done }) {
  const act = async () => {
    await remove(`/api/auth/factors/passkeys/${encodeURIComponent(passkey.passkey_id)}`);
    done(`The passkey ${passkey.name} is removed. All your other sessions have ended.`);
  };
  const stays = last && administers(me);
  return html`
    <${Dialog} title=${`Remove ${passkey.name}?`} onClose=${close}>
      ${stays
        ? html`<p>It is your only second factor, and your role needs one. Set up another one first.</p>`
        : html`
            <p>
              It proves nothing any more, and all your other sessions end at once.
              ${last && " It is your last second factor: your recovery codes go with it."}
            </p>
            <p>The passkey itself stays on its device until you delete it there.</p>
          `}
      <div class="buttons">
        ${!stays && html`<${Act} tone="main danger" act=${act}>Remove it<//>`}
        <button type="button" onClick=${close}>Keep it</button>
      </div>
    <//>
  `;
}
