// Who has access at this moment: the administrators, or everybody.
import { html, useState } from "../core/library.js";
import { number } from "../core/format.js";
import { accessColumns } from "./access_line.js";
import { Exports } from "./file_buttons.js";
import { Field } from "./form.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card } from "./page.js";
import { usePortion } from "./portion.js";
import { Table } from "./table.js";

const PATH = "/api/compliance/access-list";
const SCOPES = [
  ["administrators", "Administrators: whoever may change more than the own account"],
  ["all", "Everybody"],
];

export function AccessList({ me, people }) {
  const [scope, setScope] = useState("administrators");
  const read = useRead(PATH, { scope });
  return html`
    <${Card} title="Who has access now" more=${html`<${Exports} path=${PATH} query=${{ scope }} name=${`access-list-${scope}`} />`}>
      <div class="narrow">
        <${Field} name="scope" label="Of whom" kind="select" options=${SCOPES} value=${scope} onInput=${(event) => setScope(event.target.value)} />
      </div>
      <${Loaded} read=${read} what="who has access">${(list) => html`<${List} list=${list} me=${me} people=${people} />`}<//>
    <//>
  `;
}

function List({ list, me, people }) {
  const [shown, below] = usePortion(list.people, "people");
  return html`
    <p>
      ${number(list.total)} ${list.total === 1 ? "person" : "people"}, as of <${Moment} at=${list.as_of} />. This changes from one moment
      to the next: a review keeps it.
    </p>
    <${Table} caption="Who has access" columns=${accessColumns({ people, me })} rows=${shown} id=${(one) => one.staff_id} />
    ${below}
  `;
}
