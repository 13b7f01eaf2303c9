// Whom the rules would have refused, of those who signed in during the last thirty days.
import { html } from "../core/library.js";
import { number } from "../core/format.js";
import { Badge } from "./badge.js";
import { Day, Moment } from "./moment.js";
import { Name } from "./names.js";
import { Card } from "./page.js";
import { usePortion } from "./portion.js";
import { Table } from "./table.js";

/** `answer` is that of POST /api/ip-rules/simulate. */
export function Simulation({ answer, me, people, title }) {
  const own = (one) => one.staff_id === me.staff.staff_id;
  const [shown, below] = usePortion([...answer.refused.filter(own), ...answer.refused.filter((one) => !own(one))], "people");
  const columns = [
    { head: "Person", cell: (one) => html`<${Name} id=${one.staff_id} people=${people} me=${me} />` },
    { head: "Refused sign-ins", numeric: true, cell: (one) => `${number(one.refused)} of ${number(one.sign_ins)}` },
    { head: "The last one", cell: (one) => html`<${Moment} at=${one.last_refused_at} />` },
    { head: "Came from", cell: (one) => html`<code>${one.networks.join(", ") || "–"}</code>` },
  ];
  const empty = "Nobody who signed in since then would have been refused.";
  return html`
    <${Card} title=${title}>
      <div role="status">
        <p>
          <${Own} answer=${answer} /> Of ${number(answer.people.total)} people who signed in since <${Day} at=${answer.since} />,
          ${" "}<strong>${number(answer.people.refused)} would have been refused</strong>, at ${number(answer.sign_ins.refused)} of
          ${" "}${number(answer.sign_ins.total)} sign-ins.
        </p>
        ${!answer.complete && html`<p>The log holds more than one answer reads: nothing before <${Moment} at=${answer.since} /> was looked at.</p>`}
        ${answer.sign_ins.unreadable > 0 &&
        html`<p>Of ${number(answer.sign_ins.unreadable)} more sign-ins the address is not known any more; they are not counted.</p>`}
      </div>
      <${Table} caption="Who would have been refused" columns=${columns} rows=${shown} id=${(one) => one.staff_id} empty=${empty} />
      ${below}
      ${answer.people.refused > answer.refused.length && html`<p class="fine">The first ${number(answer.refused.length)} are named.</p>`}
    <//>
  `;
}

function Own({ answer }) {
  const address = answer.your_address ? html`, <code>${answer.your_address}</code>,` : "";
  if (answer.refuses_you) return html`<${Badge} tone="bad">you too<//> Your own address${address} would be refused. `;
  return html`<${Badge} tone="good">not you<//> Your own address${address} would be let in. `;
}
