// The people of a review: what the snapshot shows of each, and what was decided.
import { html, useState } from "../core/library.js";
import { words } from "../core/format.js";
import { covers } from "../core/roles.js";
import { accessColumns, event } from "./access_line.js";
import { Badge } from "./badge.js";
import { Field } from "./form.js";
import { Moment } from "./moment.js";
import { nameIn } from "./names.js";
import { Card } from "./page.js";
import { usePortion } from "./portion.js";
import { ReviewDecision } from "./review_decision.js";
import { Table } from "./table.js";

const OWNER = "owner";

export function ReviewPeople({ whole, path, me, people, reviewer, reload }) {
  const [open, setOpen] = useState(false);
  const [deciding, setDeciding] = useState(null);
  const decided = new Map(whole.decisions.map((one) => [one.staff_id, one]));
  const everybody = whole.snapshot.people;
  const rows = open ? everybody.filter((one) => !decided.has(one.staff_id)) : everybody;
  const [shown, below] = usePortion(rows, "people");
  const lastOwner = everybody.filter((one) => one.role === OWNER).length === 1;
  const decision = (one) => {
    const made = decided.get(one.staff_id);
    if (made) return html`<${Decision} made=${made} people=${people} />`;
    if (!reviewer || whole.review.status !== "OPEN") return html`<${Badge}>not decided<//>`;
    const given = { one, me, lastOwner, who: nameIn(people, one.staff_id) };
    return html`<${ToDecide} ...${given} decide=${() => setDeciding(one)} />`;
  };
  const columns = [...accessColumns({ people, me }), { head: "Decision", cell: decision }];
  const close = () => setDeciding(null);
  const toggle = (event) => setOpen(event.target.checked);
  const onlyKeep = deciding && !covers(me.role, deciding.role);
  return html`
    <${Card} title="People and decisions">
      ${decided.size > 0 &&
      decided.size < everybody.length &&
      html`<${Field} name="open" kind="checkbox" label="Only those who are still to be decided about" onInput=${toggle} />`}
      <${Table} caption="People of the review" columns=${columns} rows=${shown} id=${(one) => one.staff_id} empty="Nobody is left." />
      ${below}
    <//>
    ${deciding && html`<${ReviewDecision} one=${deciding} review=${whole.review} ...${{ path, me, people, onlyKeep, close, reload }} />`}
  `;
}

/** The button, or why there is none: nobody should find that out by trying. */
function ToDecide({ one, me, lastOwner, decide, who }) {
  if (one.staff_id === me.staff.staff_id) return html`<span class="fine">This is you: nobody reviews himself. Another reviewer decides.</span>`;
  if (!covers(me.role, one.role) && !(lastOwner && one.role === OWNER)) {
    return html`<span class="fine">Holds more than you do: another ${one.role} decides.</span>`;
  }
  return html`<button type="button" aria-label=${`Decide about ${who}`} onClick=${decide}>Decide</button>`;
}

const SAID = { keep: ["good", "kept"], revoke: ["bad", "revoked"], modify: ["warn", "role changed"] };

function Decision({ made, people }) {
  const [tone, text] = made.result === "already_removed" ? ["plain", "had no access any more"] : SAID[made.decision];
  return html`
    <${Badge} tone=${tone}>${text}<//>
    ${made.late && html` <${Badge} tone="warn">late<//>`}
    ${made.role_before !== made.role_after && html`<span class="below">${made.role_before || "nothing"} → ${made.role_after || "nothing"}</span>`}
    ${made.status_after !== "ACTIVE" && html`<span class="below">now ${words(made.status_after)}</span>`}
    ${made.reason && html`<span class="below reason">“${made.reason}”</span>`}
    <span class="below">${nameIn(people, made.decided_by)}, <${Moment} at=${made.decided_at} /></span>
    ${event(made.event_id)}
    ${made.events.length > 0 && html`<span class="below">carried out: ${made.events.map((id) => html`<code class="part">${id}</code>`)}</span>`}
  `;
}
