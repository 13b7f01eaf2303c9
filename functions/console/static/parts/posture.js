// The cards of the overview: one number each, what it means, and the way to its page.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { duration, number, several } from "../core/format.js";
import { Share } from "../pictures/share.js";
import { Badge } from "./badge.js";
import { Failed, Loading } from "./loaded.js";
import { Day, Moment } from "./moment.js";
import { Card } from "./page.js";
import { usePeople } from "./people.js";
import { Table } from "./table.js";

const LISTED = 500; // people that the API lists with their access; of more it lists none
const SHOWN = 6; // obligations that are listed; the calendar has all

export const secondsSince = (at) => Math.max(0, (Date.now() - Date.parse(at)) / 1000);

/** 200 -> "3 min": the largest unit alone. */
export const roughly = (seconds) => duration(Math.round(seconds)).split(" ").slice(0, 2).join(" ");
export const summaryOf = (data) => data.summary;

/** `children` is a function of what was read: `{big, text}`, and `more` between them. `empty(fault)` may give the same. */
function Figure({ title, to, read, empty, children }) {
  const { data, fault, reload } = read;
  const excused = fault && empty?.(fault);
  const told = excused || (data && !fault && children(data));
  return html`
    <section class="card figure">
      <h2><a href=${to}>${title}</a></h2>
      ${fault && !excused && html`<${Failed} fault=${fault} again=${reload} />`}
      ${!data && !fault && html`<${Loading} what=${title.toLowerCase()} />`}
      ${told && html`<p class="big">${told.big}</p>${told.more}<p class="fine">${told.text}</p>`}
    </section>
  `;
}

export function Coverage({ name, period, read }) {
  return html`
    <${Figure} title=${`Evidence of ${period.name}`} to=${link(["calendar"], { from: period.from, to: period.to })} read=${read}>
      ${(data) => coverage(data.summary, name)}
    <//>
  `;
}

function coverage(summary, name) {
  const { expected, collected, late, missed, failed, open, upcoming, waived, coverage_pct: percent } = summary;
  const parts = [
    [collected + late, "collected"],
    [late, "of them late"],
    [missed, "missed"],
    [failed, "failed"],
    [waived, "waived"],
    [open, "open"],
    [upcoming, "to come"],
  ].filter(([count]) => count);
  const text = parts.map(([count, word]) => `${number(count)} ${word}`).join(", ");
  const whole = expected ? `of ${number(expected)} expected, ${text}` : "nothing is expected";
  return {
    big: percent === null ? "–" : `${percent} %`,
    more: html`<${Share} parts=${sharesOf(summary)} />`,
    text: `${name}: ${whole}.${percent === null && expected ? " Nothing of it counts yet." : ""}`,
  };
}

const sharesOf = ({ collected, late, missed, failed, waived, open, upcoming }) => [
  ["collected", collected],
  ["late", late],
  ["lost", missed + failed],
  ["waived", waived],
  ["open", open + upcoming],
];

export function Checkpoint({ read }) {
  const none = { big: "None yet", text: "The log is signed for the first time soon." };
  const empty = (fault) => fault.code === "not_signed_yet" && none;
  return html`
    <${Figure} title="Log last signed" to=${link(["log"])} read=${read} empty=${empty}>
      ${(data) => ({
        big: `${roughly(secondsSince(data.watermark))} ago`,
        text: html`Number ${number(data.digest.no)}, over ${number(data.size)} events. ${verified(data.last_verified)}`,
      })}
    <//>
  `;
}

const verified = (last) => (last ? html`Verified <${Moment} at=${last.at} />.` : "Not verified yet.");

/** What was counted of the last 30 days, over all questions. */
export const countsOf = ({ questions }) => Object.assign({}, ...questions.map((each) => each.counts));

export function Incidents({ read, period }) {
  return html`
    <${Figure} title="Incidents in 30 days" to=${link(["incidents"], period)} read=${read}>
      ${(data) => incidents(data)}
    <//>
  `;
}

function incidents(data) {
  const { incidents: found } = data;
  const counts = countsOf(data);
  const blocked = counts.SESSION_BLOCKED ?? 0;
  const risk = `${several(counts.ANOMALY_SCORED ?? 0, "sign-in", "sign-ins")} weighed, ${number(blocked)} blocked.`;
  if (!found) return { big: "–", text: risk };
  const about = found.complete ? "" : "at least ";
  const state = found.not_contained ? `${number(found.not_contained)} not contained` : `All ${found.complete ? "" : "of these "}contained`;
  return { big: `${about}${number(found.detected)}`, text: `${found.detected ? `${state}. ` : ""}${risk}` };
}

export function People({ read, sees, me }) {
  const to = link([sees("staff") ? "staff" : "access-reviews"]);
  if (read.fault?.code === "too_many_people") return html`<${Crowd} to=${to} me=${me} />`;
  return html`
    <${Figure} title="People with access" to=${to} read=${read}>
      ${({ people }) => {
        const active = people.filter((one) => one.status === "ACTIVE");
        const bare = active.filter((one) => !one.mfa).length;
        const factors = bare ? `${number(bare)} without a second factor.` : "All with a second factor.";
        const inside = active.filter((one) => one.sessions > 0);
        const sessions = inside.reduce((sum, one) => sum + one.sessions, 0);
        return {
          big: number(active.length),
          text: `${number(inside.length)} signed in, with ${several(sessions, "session", "sessions")}. ${factors}`,
        };
      }}
    <//>
  `;
}

/** More people than one list holds: counted from the pages of the staff, by whoever may see them. */
function Crowd({ to, me }) {
  const { people, fault, complete } = usePeople(me);
  const sees = me.permissions.includes("STAFF_VIEW");
  const told = () => (sees && !fault ? crowd(people, complete) : { big: `More than ${number(LISTED)}`, text: UNCOUNTED });
  return html`<${Figure} title="People with access" to=${to} read=${{ data: people, fault: null }}>${told}<//>`;
}

function crowd(people, complete) {
  const active = people.filter((one) => one.status === "ACTIVE");
  const bare = active.filter((one) => !one.factors.totp && !one.factors.passkeys).length;
  const factors = bare ? `${number(bare)} of them without a second factor.` : "All with a second factor.";
  const whole = complete ? "" : `Of the first ${number(people.length)} people. `;
  return { big: complete ? number(active.length) : `More than ${number(active.length)}`, text: `${whole}${factors}` };
}

const UNCOUNTED = "More than one list holds, so they are not counted here.";

export function Impersonations({ read }) {
  return html`
    <${Figure} title="Impersonation" to=${link(["impersonation"])} read=${read}>
      ${({ impersonations }) => {
        const live = impersonations.filter((each) => each.status === "active");
        const last = impersonations.find((each) => each.status !== "active");
        return {
          big: number(live.length),
          text: last ? html`The last one ended <${Moment} at=${last.ended_at || last.expires_at} />.` : live.length ? "Under way now." : "There was none yet.",
        };
      }}
    <//>
  `;
}

export function Reviews({ read }) {
  return html`
    <${Figure} title="Access reviews open" to=${link(["access-reviews"])} read=${read}>
      ${({ reviews }) => {
        const open = reviews.filter((each) => !each.attested_at);
        const overdue = open.filter((each) => each.overdue).length;
        const last = reviews.find((each) => each.attested_at);
        const before = last ? html`The last one was attested <${Day} at=${last.attested_at} />.` : "None was attested yet.";
        return { big: number(open.length), text: html`${overdue > 0 && `${number(overdue)} overdue. `}${before}` };
      }}
    <//>
  `;
}

export function Bundles({ read }) {
  return html`
    <${Figure} title="Bundles under way" to=${link(["exports"])} read=${read}>
      ${({ exports: found }) => {
        const bundles = found.filter((each) => each.kind === "bundle");
        const running = bundles.filter((each) => each.status === "running");
        const last = bundles.find((each) => each.status !== "running");
        const became = last?.status === "failed" ? "failed; it was asked for" : "was asked for";
        const told = last && html`The last one ${became} <${Moment} at=${last.created_at} />.`;
        return { big: number(running.length), text: told || "No bundle was asked for lately." };
      }}
    <//>
  `;
}

/** What is due next, one line for each obligation: soonest first. */
export function Obligations({ reads }) {
  const fault = reads.find((read) => read.fault)?.fault;
  const items = reads.flatMap((read) => read.data?.items || []);
  const next = nextOf(items);
  const busy = reads.some((read) => read.busy && !read.data);
  return html`
    <${Card} title="Due next" more=${html`<a href=${link(["calendar"])}>The whole calendar</a>`}>
      ${busy && html`<${Loading} what="what is due" />`}
      ${!busy && fault && html`<p class="fine">Not all of the calendar could be read: see the cards above.</p>`}
      ${!busy && html`
        <${Table}
          caption="What is due next"
          columns=${COLUMNS}
          rows=${next.slice(0, SHOWN)}
          id=${(item) => item.obligation}
          empty="Nothing more is due in this quarter."
        />
      `}
    <//>
  `;
}

function nextOf(items) {
  const pending = items.filter((item) => ["open", "upcoming"].includes(item.status));
  pending.sort((one, other) => one.due.localeCompare(other.due));
  const first = new Map();
  for (const item of pending) if (!first.has(item.obligation)) first.set(item.obligation, item);
  return [...first.values()];
}

const COLUMNS = [
  { head: "Evidence", cell: (item) => item.title },
  {
    head: "Of",
    cell: ({ period: { from, to } }) => html`<${Day} at=${from} />${to !== from && html` – <${Day} at=${to} />`}`,
  },
  { head: "Due", cell: (item) => html`<${Moment} at=${item.due} />` },
  { head: "By", cell: (item) => (item.mode === "attested" ? "a person, who attests it" : "the service itself") },
  {
    head: "State",
    cell: (item) =>
      html`<${Badge} tone=${item.status === "open" && item.mode === "attested" ? "warn" : "plain"}>${item.status}<//>`,
  },
];
