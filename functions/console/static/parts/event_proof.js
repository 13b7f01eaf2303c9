// The proof that one event is in the signed log: shown in words, and saved for whoever verifies it without us.
import { html, useState } from "../core/library.js";
import { getFile } from "../core/api.js";
import { save } from "../core/download.js";
import { capital, number, words } from "../core/format.js";
import { Copyable } from "./copyable.js";
import { Field, Form } from "./form.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";

export function EventProof({ event }) {
  const [proof, setProof] = useState(null);
  const send = async ({ event_id }) => {
    setProof(null);
    const file = await getFile(`/api/compliance/events/${encodeURIComponent(event_id.trim())}/proof`);
    return { file, document: JSON.parse(await file.text()) };
  };
  return html`
    <${Card} title="Prove one event">
      <p>Gives the event as it was written, and its way to a signed head. Who asked for which event stands in the log.</p>
      <${Form} key=${event} send=${send} onDone=${setProof} submit="Prove it">
        <${Field}
          name="event_id"
          label="Id of the event"
          hint="26 characters, as in each report."
          value=${event}
          class="figures"
          autocomplete="off"
          spellcheck="false"
          required
        />
      <//>
      ${proof && html`<${Proof} proof=${proof} />`}
    <//>
  `;
}

function Proof({ proof: { file, document } }) {
  const event = JSON.parse(document.event);
  const name = `${event.id}.proof.json`;
  return html`
    <div class="proof" role="status"><h3>The signed log holds this event</h3></div>
    <dl class="facts">
      <dt>Event</dt>
      <dd>${capital(words(event.action))}, ${event.outcome}</dd>
      <dt>Time</dt>
      <dd><${Moment} at=${event.time} /></dd>
      <dt>Place</dt>
      <dd>leaf ${number(document.index)} of ${number(document.size)}, covered by digest ${number(document.digest.no)}</dd>
    </dl>
    <details>
      <summary>The event as it was written</summary>
      <pre tabindex="0" aria-label="The event as it was written">${JSON.stringify(event, null, 2)}</pre>
    </details>
    <details>
      <summary>Inclusion proof and signed note</summary>
      <pre tabindex="0" aria-label="Inclusion proof and signed note">${document.proof}</pre>
    </details>
    <${Copyable}
      label="Verify it offline"
      value=${`python3 verify_bundle.py --proof ${name} --key-fingerprint ledger:${document.kid}`}
      hint="Take the fingerprint from where it was published, and compare."
    />
    <div class="buttons"><button type="button" onClick=${() => save(file, name)}>Save ${name}</button></div>
  `;
}
