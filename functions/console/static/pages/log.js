// The signed log: its latest head, its keys, when it was verified, the proof of one event, and what is kept for how long.
import { html } from "../core/library.js";
import { duration, number } from "../core/format.js";
import { Copyable } from "../parts/copyable.js";
import { EventProof } from "../parts/event_proof.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Card, Page } from "../parts/page.js";
import { Retention } from "../parts/retention.js";
import { Table } from "../parts/table.js";

const LEAD = "The audit log is tamper-evident: events are chained, sealed and signed, and a change of what was signed is found.";

export default function LogAndKeys({ title, query }) {
  return html`
    <${Page} title=${title} lead=${LEAD}>
      <${Signed} />
      <${EventProof} event=${query.event || ""} />
      <${Retention} />
    <//>
  `;
}

/** Nothing is signed within the first hour of a tenant: that is no fault. */
function Signed() {
  const head = useRead("/api/compliance/log/checkpoint", { format: "json" });
  const keys = useRead("/api/compliance/log/key");
  if (head.fault?.code === "not_signed_yet") return html`<p class="notice" role="status">${head.fault.message}</p>`;
  return html`
    <div class="pair">
      <${Card} title="Latest signed head">
        <${Loaded} read=${head} what="the head">${(given) => html`<${Checkpoint} given=${given} />`}<//>
      <//>
      <${Card} title="Keys of the log">
        <${Loaded} read=${keys} what="the keys">${(given) => html`<${Keys} given=${given} />`}<//>
      <//>
    </div>
  `;
}

function Checkpoint({ given }) {
  const { size, root, digest, watermark, origin, note, last_verified } = given;
  return html`
    <dl class="facts">
      <dt>Events</dt>
      <dd>${number(size)}</dd>
      <dt>Digest</dt>
      <dd>number ${number(digest.no)}</dd>
      <dt>Complete up to</dt>
      <dd><${Moment} at=${watermark} />, ${ago(watermark)}</dd>
      <dt>Verified last</dt>
      <dd>${verified(last_verified, digest.no)}</dd>
      <dt>Origin</dt>
      <dd><code>${origin}</code></dd>
    </dl>
    <${Copyable} label="Root of the tree" value=${root} />
    <${Copyable} label="SHA-256 of the digest" value=${digest.sha256} />
    <details>
      <summary>The signed note</summary>
      <pre tabindex="0" aria-label="The signed note">${note}</pre>
      <p class="fine">Keep it: a later head proves that it continues this one, so that nobody can start the log over unseen.</p>
    </details>
  `;
}

const ago = (at) => `${duration(Math.max(1, (Date.now() - new Date(at)) / 1000))} ago`;

function verified(last, newest) {
  if (!last) return "not yet: the whole log is verified once a day";
  const behind = newest - last.digest;
  return html`
    <${Moment} at=${last.at} />, ${ago(last.at)}. Nothing was found up to digest
    ${" "}${number(last.digest)}${behind > 0 ? `; ${number(behind)} ${behind === 1 ? "has" : "have"} been signed since` : ""}.
  `;
}

const Keys = ({ given }) => html`
  <p>Compare the fingerprint with the one that was published: it is what an auditor pins.</p>
  ${[...given.keys]
    .reverse()
    .map(({ kid, current }) => html`<${Copyable} key=${kid} label=${current ? "Fingerprint of the key in use" : "An earlier key"} value=${kid} />`)}
  <details>
    <summary>For programs that verify notes</summary>
    ${given.keys.map(({ kid, vkey }) => html`<${Copyable} key=${kid} label=${`Verifier key ${kid.slice(0, 8)}`} value=${vkey} />`)}
  </details>
  <h3>Rotations</h3>
  <${Table}
    caption="Rotations of the key"
    columns=${ROTATIONS}
    rows=${given.rotations.map(stated)}
    id=${(row) => row.next}
    empty="The key has never been changed."
  />
`;

/** What both keys have signed: which took over from which, and when. */
const stated = ({ statement }) => ({ ...JSON.parse(statement), statement });

const ROTATIONS = [
  { head: "Key", cell: ({ next }) => html`<code>${next.slice(0, 16)}…</code>` },
  { head: "Took over from", cell: ({ previous }) => html`<code>${previous.slice(0, 16)}…</code>` },
  { head: "At", cell: ({ at }) => html`<${Moment} at=${at} />` },
];
