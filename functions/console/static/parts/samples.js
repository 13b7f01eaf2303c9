// Samples: rows of a report that nobody could choose, drawn by the auditor's own word.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { post } from "../core/api.js";
import { number } from "../core/format.js";
import { save } from "../core/download.js";
import { Field, Form } from "./form.js";
import { Card } from "./page.js";
import { Table } from "./table.js";

const USUAL_ROWS = 25;

export function Samples({ given }) {
  const [drawn, setDrawn] = useState(null);
  const files = given.files.filter(({ rows }) => rows > 0).map(({ path }) => path);
  const send = ({ file, n, nonce }) => post("/api/compliance/samples", { export_id: given.export_id, file, n: Number(n), nonce });
  return html`
    <${Card} title="Samples">
      <p>
        A sample is what an auditor looks at instead of all rows. Which rows it has follows from a word that the auditor chooses once the bundle is
        there, so that nobody here can pick them.
      </p>
      <${Form} send=${send} onDone=${setDrawn} submit="Draw the sample">
        <div class="inline">
          <${Field} name="file" label="File" kind="select" options=${files.map((path) => [path, path])} value=${files[0]} />
          <${Field} name="n" label="Rows" kind="number" min="1" max="1000" value=${USUAL_ROWS} required />
        </div>
        <${Field}
          name="nonce"
          label="The auditor's word (nonce)"
          hint="8 to 128 characters of ASCII: dice, a headline of the day."
          minlength="8"
          maxlength="128"
          autocomplete="off"
          required
        />
      <//>
      ${drawn && html`<${Drawn} drawn=${drawn} name=${given.name} />`}
    <//>
  `;
}

const ROWS = [
  { head: "Row", numeric: true, cell: ({ row }) => number(row) },
  { head: "Event", cell: ({ event_id }) => html`<a href=${link(["log"], { event: event_id })}>${event_id}</a>` },
  { head: "Leaf of the log", numeric: true, cell: ({ index }) => number(index) },
  { head: "Leaf hash", cell: ({ leaf_hash }) => html`<code>${leaf_hash}</code>` },
];

function Drawn({ drawn, name }) {
  const kept = () => save(new Blob([JSON.stringify(drawn)], { type: "application/json" }), "sample.json");
  return html`
    <div role="status" class="drawn"><h3>${number(drawn.rows.length)} of ${number(drawn.population)} rows of ${drawn.file}</h3></div>
    <${Table}
      caption="Rows of the sample"
      columns=${ROWS}
      rows=${drawn.rows}
      id=${({ row }) => row}
      empty="The file has no rows."
    />
    <div class="buttons"><button type="button" onClick=${kept}>Save sample.json</button></div>
    <p class="fine">
      To repeat it, the auditor saves the sample beside the bundle and runs
      <code>python3 verify_bundle.py ${name}.zip --sample sample.json</code>: it ranks each row of the file by the hash of the word and the
      event's id, and the lowest ones must be exactly these.
    </p>
  `;
}
