// How a bundle is verified by whoever trusts nobody here: the command, and the fingerprint that it pins.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { Copyable } from "./copyable.js";
import { Loaded, useRead } from "./loaded.js";
import { Card } from "./page.js";

export function VerifyOffline({ name }) {
  const read = useRead("/api/compliance/log/key");
  return html`
    <${Card} title="Verify it offline">
      <p>
        The program needs Python and no network. It lies in the repository and in every bundle; an auditor takes it, and the fingerprints of
        the keys, from a place that the bundle's maker does not control.
      </p>
      <${Loaded} read=${read} what="the key of the log">${({ keys }) => html`<${Commands} name=${name} kid=${keys.find((key) => key.current).kid} />`}<//>
    <//>
  `;
}

const Commands = ({ name, kid }) => html`
  <${Copyable} label="In the repository" value=${`make verify BUNDLE=${name}.zip KEY=ledger:${kid}`} />
  <${Copyable} label="With the program alone" value=${`python3 verify_bundle.py ${name}.zip --key-fingerprint ledger:${kid}`} />
  <p class="fine">
    This pins the key that signs the log (<a href=${link(["log"])}>Log and keys</a>). To pin the key that signed the manifest too, append
    <code>,evidence:FINGERPRINT</code> to <code>KEY</code>, or <code>--key-fingerprint evidence:FINGERPRINT</code>, with the fingerprint that your
    organization has published; without it the report says of that key: not pinned. Exit code 0 means that everything held.
  </p>
`;
