// How a bundle is verified by whoever trusts nobody here: the command, and the fingerprints that it pins.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { Copyable } from "./copyable.js";
import { Card } from "./page.js";

/** `keys` are the fingerprints that the bundle's signatures verify with; a bundle of before they were told has none. */
export const VerifyOffline = ({ name, keys }) => html`
  <${Card} title="Verify it offline">
    <p>
      The program needs Python and no network. It lies in the repository and in every bundle; an auditor takes it from a place that the bundle's
      maker does not control.
    </p>
    ${keys ? html`<${Commands} name=${name} keys=${keys} />` : html`<${Unpinned} name=${name} />`}
    <p class="fine">Exit code 0 means that everything held. What was proven, and what cannot be, stands in the report.</p>
  <//>
`;

const Commands = ({ name, keys }) => html`
  <${Copyable}
    label="In the repository"
    value=${`make verify BUNDLE=${name}.zip KEY=ledger:${keys.ledger},evidence:${keys.evidence}`}
  />
  <${Copyable}
    label="With the program alone"
    value=${`python3 verify_bundle.py ${name}.zip --key-fingerprint ledger:${keys.ledger} --key-fingerprint evidence:${keys.evidence}`}
  />
  <p class="fine">
    The fingerprints are those of the key that signs the log (<a href=${link(["log"])}>Log and keys</a>) and of the key that signed the manifest.
    They prove something only if they are the ones that your organization has published: compare them, or put the published ones in their place.
  </p>
`;

const Unpinned = ({ name }) => html`
  <${Copyable} label="In the repository" value=${`make verify BUNDLE=${name}.zip`} />
  <p class="fine">
    Append <code>KEY=ledger:FINGERPRINT,evidence:FINGERPRINT</code> with the two fingerprints that your organization has published. Without them the
    report says of the keys that they are not pinned.
  </p>
`;
