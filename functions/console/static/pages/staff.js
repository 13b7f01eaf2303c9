// The people of the tenant, and one of them (`#/staff/<id>`).
import { html, useEffect, useRef } from "../core/library.js";
import { replace } from "../core/address.js";
import { ROLES } from "../core/roles.js";
import { Field } from "../parts/form.js";
import { Moment } from "../parts/moment.js";
import { NoSuch, isId } from "../parts/no_such.js";
import { OnePerson } from "../parts/one_person.js";
import { Page } from "../parts/page.js";
import { More, usePages } from "../parts/pages_of.js";
import { Factors, PersonLink, Status } from "../parts/staff_badges.js";
import { Table } from "../parts/table.js";

const AT_ONCE = 200;
const ENOUGH = 50; // found: until then whoever looks for somebody is searched on every page

export default function Staff({ title, me, path, query }) {
  if (path[0] && !isId(path[0])) return html`<${NoSuch} what="person" back=${html`<a class="button" href="#/staff">Staff</a>`} />`;
  if (path[0]) return html`<${OnePerson} key=${path[0]} id=${path[0]} me=${me} />`;
  return html`<${Everybody} title=${title} me=${me} query=${query} />`;
}

function Everybody({ title, me, query }) {
  const pages = usePages("/api/staff", { limit: AT_ONCE }, (answer) => answer.staff);
  const shown = pages.rows.filter((person) => matches(person, query));
  const looking = Boolean(query.find || query.role || query.status);
  const goOn = looking && shown.length < ENOUGH && pages.last && !pages.all && !pages.busy && !pages.fault;
  useEffect(() => {
    if (goOn) pages.more();
  }, [goOn, pages.rows.length]);
  const invites = me.permissions.includes("STAFF_MANAGE");
  return html`
    <${Page}
      title=${title}
      lead="Everybody who has, or had, an account in this tenant. Open a person to see the sessions and to act."
      actions=${invites && html`<a class="button" href="#/invites">Invite somebody</a>`}
    >
      <${Filters} query=${query} />
      <section class="card">
        ${pages.last && html`<${Found} shown=${shown} pages=${pages} />`}
        <${More} pages=${pages} what=${pages.rows.length === 1 ? "person" : "people"} />
      </section>
    <//>
  `;
}

function Filters({ query }) {
  const now = useRef(query); // what was typed a moment ago may not be drawn yet
  now.current = query;
  const set = (name) => (event) => replace(["staff"], { ...now.current, [name]: event.target.value });
  return html`
    <div class="inline" role="search" aria-label="Find people">
      <${Field}
        name="find"
        label="Name, e-mail or id"
        kind="search"
        value=${query.find || ""}
        onInput=${set("find")}
        autocomplete="off"
      />
      <${Field} name="role" label="Role" kind="select" value=${query.role || ""} options=${ROLE_OPTIONS} onInput=${set("role")} />
      <${Field}
        name="status"
        label="Status"
        kind="select"
        value=${query.status || ""}
        options=${STATUS_OPTIONS}
        onInput=${set("status")}
      />
    </div>
  `;
}

const ROLE_OPTIONS = [["", "every role"], ...ROLES.map((role) => [role, role])];
const STATUS_OPTIONS = [
  ["", "every status"],
  ["ACTIVE", "active"],
  ["DEACTIVATED", "deactivated"],
  ["ERASED", "erased"],
  ["enrol", "must enrol a factor"],
  ["single", "password only"],
];

function matches(person, { find, role, status }) {
  const words = (find || "").toLowerCase().split(/\s+/).filter(Boolean);
  const text = [person.name, person.email, person.staff_id].filter(Boolean).join(" ").toLowerCase();
  return words.every((word) => text.includes(word)) && (!role || person.role === role) && hasStatus(person, status);
}

function hasStatus(person, status) {
  if (status === "enrol") return person.must_enrol;
  if (status === "single") return person.status === "ACTIVE" && !person.factors.totp && !person.factors.passkeys;
  return !status || person.status === status;
}

function Found({ shown, pages }) {
  const all = shown.length === pages.rows.length;
  const rest = pages.all ? "" : " There are more people: see below.";
  return html`
    <p class=${all ? "unseen" : "fine"} role="status">${all ? "" : `${shown.length} of the ${pages.rows.length} people read so far match.${rest}`}</p>
    <${Table}
      caption="People of the tenant"
      columns=${COLUMNS}
      rows=${shown}
      id=${(person) => person.staff_id}
      empty=${pages.all ? "Nobody matches." : "Nobody so far."}
    />
  `;
}

const COLUMNS = [
  { head: "Person", cell: (person) => html`<${PersonLink} person=${person} />` },
  { head: "Role", cell: (person) => html`<span class="role">${person.role || "–"}</span>` },
  { head: "Status", cell: (person) => html`<${Status} person=${person} />` },
  {
    head: "Second factors",
    cell: (person) => (person.status === "ERASED" ? "–" : html`<${Factors} factors=${person.factors} />`),
  },
  { head: "Last sign-in", cell: ({ last_sign_in_at: at }) => (at ? html`<${Moment} at=${at} />` : "never") },
];
