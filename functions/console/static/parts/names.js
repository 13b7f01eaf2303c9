// Who is behind a staff id. Whoever may not see the people of the tenant (an auditor) sees ids, as in the evidence.
import { html } from "../core/library.js";
import { session } from "../core/session.js";
import { Named } from "./people.js";
import { nameOf } from "./staff_badges.js";

/** A person by name and id, where a name is known; the reader himself is marked. `people` is what `usePeople` gave. */
export function Name({ id, people, me = session.get().me }) {
  const known = (people || []).some((one) => one.staff_id === id && one.status !== "ERASED");
  return html`
    <span class="person">
      <${Named} id=${id} people=${people} me=${me} />${me.staff.staff_id === id && " (you)"}${known && html` <span class="fine figures whole">${id}</span>`}
    </span>
  `;
}

/** Whom an event names, by `id` or `email`: a person of the tenant, or a part of the service, which has no page. */
export function Party({ id, email, people }) {
  if (!(people || []).some((one) => one.staff_id === id)) return email || (id ? html`<span class="whole">${id}</span>` : "–");
  return html`<${Name} id=${id} people=${people} />${email && html`<span class="below">${email}</span>`}`;
}

/** The same where markup is no use: in a sentence, or in the label of a button. */
export function nameIn(people, id) {
  const person = (people || []).find((one) => one.staff_id === id);
  return person && person.status !== "ERASED" ? nameOf(person) : id;
}
