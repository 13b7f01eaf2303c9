// A person of the tenant in a few words: the name, the state, the proofs.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { Badge } from "./badge.js";

/** Of somebody erased there is the id, and nothing else. */
export const nameOf = (person) => person.name || person.email || person.staff_id;

const TONES = { ACTIVE: "good", DEACTIVATED: "warn", ERASED: "plain" };

export const Status = ({ person }) => html`
  <span class="badges">
    <${Badge} tone=${TONES[person.status] || "plain"}>${person.status.toLowerCase()}<//>
    ${person.must_enrol && html`<${Badge} tone="warn">must enrol a factor<//>`}
  </span>
`;

export function Factors({ factors }) {
  const held = [
    factors.totp && "authenticator app",
    factors.passkeys > 0 && `${factors.passkeys} ${factors.passkeys === 1 ? "passkey" : "passkeys"}`,
    factors.recovery_codes_left > 0 && `${factors.recovery_codes_left} recovery codes`,
  ].filter(Boolean);
  return held.length ? held.join(", ") : html`<${Badge} tone="warn">password only<//>`;
}

/** Name and address, leading to the person's page; somebody erased has none. */
export const PersonLink = ({ person }) => html`
  ${person.status === "ERASED" ? "Erased person" : html`<a href=${link(["staff", person.staff_id])}>${nameOf(person)}</a>`}
  <span class="below">${person.email || person.staff_id}</span>
`;
