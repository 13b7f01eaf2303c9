// What an access list tells of a person, as the columns of a table: the same in a review's snapshot and of this moment.
import { html } from "../core/library.js";
import { number, words } from "../core/format.js";
import { Badge } from "./badge.js";
import { Day, Moment } from "./moment.js";
import { Name } from "./names.js";

/** `people` and `me` are for the names. */
export function accessColumns({ people, me }) {
  return [
    { head: "Person", cell: (one) => html`<${Name} id=${one.staff_id} people=${people} me=${me} />` },
    { head: "Access", cell: (one) => html`<${Access} one=${one} />` },
    { head: "Proofs", cell: (one) => html`<${Proofs} one=${one} />` },
    { head: "Last seen", cell: lastSeen },
    { head: "Since", cell: (one) => html`<${Day} at=${one.granted_at} />${one.granted_by_event && event(one.granted_by_event)}` },
  ];
}

export const Access = ({ one }) => html`
  <strong class="role">${one.role}</strong>
  ${one.status !== "ACTIVE" && html` <${Badge} tone="warn">${words(one.status)}<//>`}
`;

const PROOFS = { totp: "authenticator app" };

export const Proofs = ({ one }) => html`
  ${!one.mfa && html`<${Badge} tone="warn">no second factor<//> `}${one.factors.map((each) => PROOFS[each] || words(each)).join(", ") || "none"}
  ${one.identities.length > 0 && html`<span class="below">${number(one.identities.length)} by single sign-on</span>`}
`;

const lastSeen = (one) => html`
  <${Moment} at=${one.last_seen} />
  ${one.sessions > 0 && html`<span class="below">${number(one.sessions)} ${one.sessions === 1 ? "session" : "sessions"}</span>`}
`;

/** The event of the log that a fact rests on. */
export const event = (id) => html`<span class="below">event <code>${id}</code></span>`;
