// One export: how far it is, what it gave, and for a bundle how it is fetched, verified, shared and sampled.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { get } from "../core/api.js";
import { bytes, number } from "../core/format.js";
import { Badge } from "./badge.js";
import { Copyable } from "./copyable.js";
import { KINDS, Status, errorOf, rangeText, stepOf } from "./export_words.js";
import { Act } from "./form.js";
import { Failed, Loading } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card, Page } from "./page.js";
import { Named, usePeople } from "./people.js";
import { Portion, usePolled } from "./polled.js";
import { Samples } from "./samples.js";
import { ShareLinks } from "./share_links.js";
import { Table } from "./table.js";
import { VerifyOffline } from "./verify_offline.js";

const runs = (given) => given.status === "running";

export function OneExport({ id, me }) {
  const { people } = usePeople(me);
  const read = usePolled(`/api/compliance/exports/${encodeURIComponent(id)}`, runs);
  const given = read.data;
  const title = given ? given.name || `${KINDS[given.kind]} of ${rangeText(given.requested)}` : "Export";
  const ready = given?.kind === "bundle" && given.status === "completed";
  return html`
    <p class="above"><a href=${link(["exports"], { kind: given?.kind === "bundle" ? "" : given?.kind })}>All exports</a></p>
    <${Page}
      title=${title}
      actions=${ready && html`<${Act} tone="main" act=${() => fetched(id)}>Download ${bytes(given.size)}<//>`}
    >
      ${read.fault && html`<${Failed} fault=${read.fault} again=${read.reload} />`}
      ${read.fault && read.follows && html`<p class="fine">What stands below may be old. The page goes on asking by itself, less often.</p>`}
      ${!given && !read.fault && html`<${Loading} what="the export" />`}
      ${given && html`<${Progress} given=${given} />`}
      ${given && html`<${Facts} given=${given} people=${people} me=${me} />`}
      ${ready && html`<${Bundle} given=${given} people=${people} me=${me} />`}
    <//>
  `;
}

/** The address is of S3 and comes as an attachment: the window stays where it is. */
async function fetched(id) {
  const { url } = await get(`/api/compliance/exports/${encodeURIComponent(id)}/download`, { redirect: "false" });
  location.assign(url);
}

const SAID = { completed: "Completed.", failed: "Failed." };

/** Said aloud by step, not with each number: a screen reader would never come to rest. */
function Progress({ given }) {
  const { progress, status } = given;
  return html`
    <p role="status" class="unseen">${SAID[status] || `${stepOf(progress)} …`}</p>
    ${status === "running" &&
    html`
      <div class="notice">
        <p><strong>${stepOf(progress)} …</strong></p>
        <${Portion} done=${progress.done} total=${progress.total} label=${stepOf(progress)} />
        <p class="fine">
          ${progress.total > 0 ? `${number(progress.done)} of ${number(progress.total)}. ` : ""}The page follows by itself, and you can leave it
          meanwhile.
        </p>
      </div>
    `}
    ${status === "failed" && html`<div class="notice bad" role="alert"><strong>It failed</strong><p>${errorOf(given.error)}</p></div>`}
  `;
}

const Facts = ({ given, people, me }) => html`
  <${Card} title=${KINDS[given.kind]} more=${html`<${Status} status=${given.status} />`}>
    <dl class="facts">${factsOf(given, people, me).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
  <//>
`;

function factsOf(given, people, me) {
  const { requested, resolved, cut, cut_start } = given;
  return [
    ["Days", requested.from && `${rangeText(requested)} (${requested.tz}), ${requested.format}`],
    ["Of the bundle", requested.export_id && html`<a href=${link(["exports", requested.export_id])}>${requested.export_id}</a>`],
    ["Sample", requested.file && `${requested.n} rows of ${requested.file}, nonce ${requested.nonce}`],
    ["Holds", resolved && html`<${Moment} at=${resolved.from} /> up to, not including, <${Moment} at=${resolved.to_exclusive} />`],
    ["Cut", cut && html`<${Badge} tone="warn">provisional<//> The end of the range was not sealed: the bundle ends at the last signed moment.`],
    ["Begins later", cut_start && "The log was started again within the range: the bundle begins there."],
    ["Size", given.size !== undefined && bytes(given.size)],
    ["Rows", given.rows !== undefined && number(given.rows)],
    ["Kept at least until", given.retain_until && html`<${Moment} at=${given.retain_until} />`],
    ["Requested", html`<${Moment} at=${given.created_at} /> by <${Named} id=${given.requested_by} people=${people} me=${me} />`],
    ["Export", html`<code>${given.export_id}</code>`],
  ].filter(([, value]) => value);
}

const FILES = [
  { head: "File", cell: ({ path }) => path },
  { head: "Rows", numeric: true, cell: ({ rows }) => number(rows) },
];

const Bundle = ({ given, people, me }) => html`
  <${Card} title="Hashes">
    <${Copyable}
      label="SHA-256 of the manifest"
      value=${given.manifest_sha256}
      hint="The manifest lists each file with its hash, and is signed."
    />
    ${given.sha256 && html`<${Copyable} label="SHA-256 of the archive" value=${given.sha256} />`}
  <//>
  <${VerifyOffline} name=${given.name} keys=${given.keys} />
  <${Card} title="Files">
    <${Table} caption="Files of evidence in the bundle" columns=${FILES} rows=${given.files} id=${({ path }) => path} />
  <//>
  <${ShareLinks} id=${given.export_id} people=${people} me=${me} />
  <${Samples} given=${given} />
`;
