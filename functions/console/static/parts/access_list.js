// Who has access at this moment: the administrators, or everybody.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
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
  const tooMany = read.fault?.code === "too_many_people" && read.fault;
  return html`
    <${Card} title="Who has access now" more=${!tooMany && html`<${Exports} path=${PATH} query=${{ scope }} name=${`access-list-${scope}`} />`}>
      <div class="narrow">
        <${Field} name="scope" label="Of whom" kind="select" options=${SCOPES} value=${scope} onInput=${(event) => setScope(event.target.value)} />
      </div>
      ${tooMany
        ? html`<${TooMany} fault=${tooMany} scope=${scope} me=${me} />`
        : html`<${Loaded} read=${read} what="who has access">${(list) => html`<${List} list=${list} me=${me} people=${people} />`}<//>`}
    <//>
  `;
}

/** To ask again is no use: there are not fewer by it. */
function TooMany({ fault, scope, me }) {
  const staff = me.permissions.includes("STAFF_VIEW");
  return html`
    <div class="notice warn" role="alert">
      <strong>${fault.title}</strong>
      <p>${fault.message}</p>
      ${scope === "all" && html`<p>Choose “Administrators” above: that list is shorter.</p>`}
      ${staff && html`<p>Page after page, everybody stands under <a href=${link(["staff"])}>Staff</a>, with role and second factors.</p>`}
      ${!staff && html`<p>Who came, left or got another role stands in the <a href=${link(["activity"])}>activity log</a>.</p>`}
    </div>
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
