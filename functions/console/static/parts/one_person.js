// One person of the tenant: what is known, where the person is signed in, and what may be done.
import { html, useEffect, useRef } from "../core/library.js";
import { capital, country } from "../core/format.js";
import { Badge } from "./badge.js";
import { Loaded, useRead } from "./loaded.js";
import { Moment } from "./moment.js";
import { Card, Page } from "./page.js";
import { StaffActs } from "./staff_acts.js";
import { Factors, Status, nameOf } from "./staff_badges.js";
import { Table } from "./table.js";

export function OnePerson({ id, me }) {
  const read = useRead(`/api/staff/${encodeURIComponent(id)}`);
  const gone = read.fault?.status === 404;
  const seesHolds = me.permissions.includes("SETTINGS_SECURITY_VIEW");
  const holds = useRead(seesHolds ? "/api/legal-holds" : null);
  const keeps = (hold) => hold.status === "ACTIVE" && (hold.scope === "tenant" || hold.staff_id === id);
  const held = (holds.data?.holds || []).filter(keeps);
  const place = useRef(null);
  useEffect(() => {
    // The button that was pressed is gone.
    if (document.activeElement === document.body) place.current?.querySelector("h1")?.focus();
  }, [read.data, gone]);
  const title = gone ? "Nobody" : titleOf(read.data);
  return html`
    <div ref=${place}>
      <p class="back"><a href="#/staff">← Staff</a></p>
      <${Page} title=${title}>
        ${gone
          ? html`<${Nobody} id=${id} />`
          : html`
              <${Loaded} read=${read} what="the person">
                ${(person) =>
                  person.status === "ERASED"
                    ? html`<${Erased} id=${id} />`
                    : html`<${Person} person=${person} me=${me} held=${held} reload=${read.reload} />`}
              <//>
            `}
      <//>
    </div>
  `;
}

function titleOf(person) {
  if (!person) return "Person";
  return person.status === "ERASED" ? "Erased person" : nameOf(person);
}

function Person({ person, me, held, reload }) {
  return html`
    <div class="cards">
      <${Card} title="Account"><${Facts} person=${person} held=${held} /><//>
      <${Card} title="Proofs of identity"><${Proofs} person=${person} /><//>
    </div>
    <${Card} title="Live sessions"><${Sessions} person=${person} /><//>
    <${StaffActs} person=${person} me=${me} held=${held} reload=${reload} />
  `;
}

const Nobody = ({ id }) => html`<div class="notice"><p>Nobody of your tenant has the id <code>${id}</code>.</p></div>`;

const Erased = ({ id }) => html`
  <div class="notice">
    <p>What was held of this person has been erased. The log keeps its entries under the id <code>${id}</code>.</p>
  </div>
`;

const Facts = ({ person, held }) => html`
  <dl class="facts">
    <dt>Status</dt>
    <dd><${Status} person=${person} /></dd>
    <dt>Role</dt>
    <dd>${person.role}</dd>
    <dt>E-mail</dt>
    <dd>${person.email}</dd>
    <dt>Id</dt>
    <dd><code>${person.staff_id}</code></dd>
    <dt>Here since</dt>
    <dd><${Moment} at=${person.created_at} /></dd>
    <dt>Last sign-in</dt>
    <dd>${person.last_sign_in_at ? html`<${Moment} at=${person.last_sign_in_at} />` : "never"}</dd>
    ${held.length > 0 &&
    html`
      <dt>Legal hold</dt>
      <dd>
        <${Badge} tone="warn">held<//> <a href="#/legal-holds">${held.length === 1 ? "see the hold" : `see the ${held.length} holds`}</a>
      </dd>
    `}
  </dl>
`;

const Proofs = ({ person }) => html`
  <dl class="facts">
    <dt>Authenticator app</dt>
    <dd>${person.factors.totp ? "enrolled" : "no"}</dd>
    <dt>Passkeys</dt>
    <dd>${person.factors.passkeys || "none"}</dd>
    <dt>Recovery codes</dt>
    <dd>${person.factors.recovery_codes_left ? `${person.factors.recovery_codes_left} left` : "none"}</dd>
  </dl>
  ${!person.factors.totp &&
  !person.factors.passkeys &&
  html`<p class="fine"><${Factors} factors=${person.factors} /> ${person.must_enrol && MUST_ENROL}</p>`}
`;

const MUST_ENROL = "This person is served nothing but the enrolment of a second factor.";

function Sessions({ person }) {
  const empty = person.status === "ACTIVE" ? "Not signed in anywhere." : "A deactivated person has no sessions.";
  return html`
    <${Table} caption="Live sessions" columns=${COLUMNS} rows=${person.sessions} id=${(one) => one.session_id} empty=${empty} />
  `;
}

const COLUMNS = [
  { head: "Signed in", cell: (one) => html`<${Moment} at=${one.created_at} />` },
  { head: "Last used", cell: (one) => html`<${Moment} at=${one.last_seen_at} />` },
  { head: "From", cell: (one) => html`<${Whence} one=${one} />` },
  { head: "Proof", cell: (one) => PROOFS[one.acr.split(":").pop()] || one.acr },
  { head: "Ends unless used", cell: (one) => html`<${Moment} at=${one.idle_expires_at} />` },
];
const PROOFS = { aal1: "one factor", aal2: "two factors", aal3: "two factors, phishing-resistant" };

function Whence({ one }) {
  if (one.impersonation) {
    return html`
      <${Badge} tone="warn">impersonation, ${one.impersonation.mode}<//>
      <span class="below">by <a href=${`#/staff/${one.impersonation.actor.staff_id}`}>${one.impersonation.actor.staff_id}</a></span>
    `;
  }
  const known = one.agent.split("/").filter((word) => word !== "unknown");
  const client = known.length ? capital(known.join(" on ")) : "Unknown client";
  return `${client}, ${one.country ? country(one.country) : "unknown country"}`;
}
