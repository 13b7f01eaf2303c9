// What evidence left the service: bundles, reports and samples; and one of them, from its request to its download.
import { html, useState } from "../core/library.js";
import { link, replace } from "../core/address.js";
import { number } from "../core/format.js";
import { BundleRequest } from "../parts/bundle_request.js";
import { KINDS, Status, rangeText } from "../parts/export_words.js";
import { Moment } from "../parts/moment.js";
import { NoSuch, isId } from "../parts/no_such.js";
import { OneExport } from "../parts/one_export.js";
import { Page } from "../parts/page.js";
import { More, usePages } from "../parts/pages_of.js";
import { Named, usePeople } from "../parts/people.js";
import { Table } from "../parts/table.js";

const LEAD = "A bundle is the evidence of a range in one archive, which an auditor verifies offline. Each export stands in the log.";
const SHOWN = { bundle: "Bundles", report: "Reports", sample: "Samples" };
const PAGE = 25;

export default function Exports({ title, me, path, query }) {
  const all = html`<a class="button" href=${link(["exports"])}>All exports</a>`;
  if (path[0] && !isId(path[0])) return html`<${NoSuch} what="export" back=${all} />`;
  if (path[0]) return html`<${OneExport} key=${path[0]} id=${path[0]} me=${me} />`;
  return html`<${All} title=${title} me=${me} kind=${Object.hasOwn(SHOWN, query.kind || "") ? query.kind : "bundle"} />`;
}

function All({ title, me, kind }) {
  const { people } = usePeople(me);
  const [asking, setAsking] = useState(false);
  const pages = usePages("/api/compliance/exports", { kind, limit: PAGE }, ({ exports }) => exports);
  const ask = html`<button type="button" class="main" onClick=${() => setAsking(true)}>Request a bundle</button>`;
  return html`
    <${Page} title=${title} lead=${LEAD} actions=${ask}>
      <div class="buttons picks" role="group" aria-label="Kind of export">
        ${Object.entries(SHOWN).map(
          ([each, word]) => html`
            <button
              type="button"
              class="pick"
              aria-pressed=${each === kind ? "true" : "false"}
              onClick=${() => replace(["exports"], { kind: each })}
            >
              ${word}
            </button>
          `,
        )}
      </div>
      <section class="card">
        ${pages.last &&
        html`
          <${Table}
            caption=${SHOWN[kind]}
            columns=${columns(people, me)[kind]}
            rows=${pages.rows}
            id=${(row) => row.export_id}
            empty=${EMPTY[kind]}
          />
        `}
        ${(!pages.last || pages.rows.length > 0 || pages.fault) && html`<${More} pages=${pages} what=${(pages.rows.length === 1 ? KINDS : SHOWN)[kind].toLowerCase()} />`}
      </section>
      ${asking && html`<${BundleRequest} onClose=${() => setAsking(false)} />`}
    <//>
  `;
}

const EMPTY = {
  bundle: "No bundle has been requested yet. Request one for the last quarter.",
  report: "No report has been exported yet. Reports are saved from the activity log.",
  sample: "No sample has been drawn yet. Samples are drawn on the page of a bundle.",
};

const nameOf = (row) => row.name || `${KINDS[row.kind]} ${row.export_id.slice(-6)}`;
const named = {
  head: "Export",
  cell: (row) => html`<a href=${link(["exports", row.export_id])}>${nameOf(row)}</a>`,
};
const days = { head: "Days", cell: (row) => rangeText(row.requested) };
const status = { head: "State", cell: (row) => html`<${Status} status=${row.status} />` };
const asked = { head: "Requested", cell: (row) => html`<${Moment} at=${row.created_at} />` };
const format = { head: "Format", cell: (row) => row.requested.format };
const rows = { head: "Rows", numeric: true, cell: (row) => number(row.rows) };
const file = { head: "File", cell: (row) => row.requested.file };

const columns = (people, me, by = { head: "By", cell: (row) => html`<${Named} id=${row.requested_by} people=${people} me=${me} />` }) => ({
  bundle: [named, days, format, status, asked, by],
  report: [named, days, format, status, rows, asked, by],
  sample: [named, file, status, rows, asked, by],
});
