// Asking for a bundle: which days, which format. The proof of identity is spent by it.
import { html, useState } from "../core/library.js";
import { go } from "../core/address.js";
import { post } from "../core/api.js";
import { isoDay } from "../core/format.js";
import { Dialog } from "./dialog.js";
import { Field, Form } from "./form.js";
import { atField } from "./password_field.js";
import { quarters } from "./range.js";

const DAY_MS = 86_400_000;
const MOST_DAYS = 3_660;
const FORMATS = [
  ["csv", "CSV, for a spreadsheet"],
  ["json", "JSON, for programs"],
];

/** What the API would refuse is said here, before a proof of identity is spent on it. */
function possible(values, today) {
  const { from, to } = values;
  const no = (name, said) => atField(name, said, "This is no range for a bundle", "Nothing was requested.");
  if (from > to) throw no("to", "The last day is before the first.");
  if (from > today) throw no("from", "The range begins in the future.");
  if (Date.parse(to) - Date.parse(from) > MOST_DAYS * DAY_MS) throw no("to", "One bundle holds at most ten years.");
  return values;
}

export function BundleRequest({ onClose }) {
  const today = isoDay(new Date());
  const [range, setRange] = useState(() => quarters().at(-2));
  const unsealed = range.to >= today;
  const send = async (values) => post("/api/compliance/export/bundle", possible(values, today));
  const field = (name) => ({ value: range[name], onInput: (event) => setRange({ ...range, name: "", [name]: event.target.value }) });
  return html`
    <${Dialog} title="Request a bundle" onClose=${onClose}>
      <p>
        One ZIP archive with all evidence of the range, the proofs of the signed log, and a program that verifies both without a network. It
        takes from seconds to minutes; you can leave the page meanwhile.
      </p>
      <div class="buttons picks" role="group" aria-label="Quarters">
        ${quarters().map(
          (quarter) => html`
            <button
              type="button"
              class="pick"
              aria-pressed=${quarter.name === range.name ? "true" : "false"}
              onClick=${() => setRange(quarter)}
            >
              ${quarter.name}
            </button>
          `,
        )}
      </div>
      <${Form} send=${send} submit="Request the bundle" cancel=${onClose} onDone=${({ export_id }) => go(["exports", export_id])}>
        <div class="inline">
          <${Field} name="from" label="First day" kind="date" required ...${field("from")} />
          <${Field} name="to" label="Last day" kind="date" required ...${field("to")} />
        </div>
        ${unsealed &&
        html`
          <p class="notice warn">
            The range is not over, and its last events are not sealed. The bundle will be provisional: it is cut at the last moment that is
            sealed and signed, and says so.
          </p>
        `}
        <${Field} name="format" label="Format of the files" kind="select" options=${FORMATS} value="csv" />
        <p class="fine">You are asked to prove that it is you. The proof counts for this one bundle, and the request stands in the log.</p>
      <//>
    <//>
  `;
}
