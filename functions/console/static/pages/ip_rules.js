// The address rules: from which networks the tenant is used. Each change counts at once and waits five minutes for its
// confirmation, so the page keeps what waits at the top until it is confirmed or undone.
import { html } from "../core/library.js";
import { go, link } from "../core/address.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { number } from "../core/format.js";
import { Badge } from "../parts/badge.js";
import { CountDown } from "../parts/count_down.js";
import { Act } from "../parts/form.js";
import { NewRule, RemoveRule } from "../parts/ip_rule_change.js";
import { Failed, Loading, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Name } from "../parts/names.js";
import { NoSuch, NotYours } from "../parts/no_such.js";
import { Card, Page } from "../parts/page.js";
import { usePeople } from "../parts/people.js";
import { usePortion } from "../parts/portion.js";
import { Table } from "../parts/table.js";

const LEAD =
  "From which networks people may use this tenant. A deny rule always refuses. As soon as there is one allow rule, whoever comes from elsewhere is refused.";

export const mayChange = (me) => me.permissions.includes("SETTINGS_SECURITY_MANAGE");

export default function IpRules({ title, me, path }) {
  const read = useRead("/api/ip-rules");
  const { people } = usePeople(me);
  const done = () => {
    read.reload();
    go(["ip-rules"]);
  };
  const given = { me, people, done, rules: read.data?.rules || [] };
  const change = path.length > 0 && changeAt(path);
  if (change && !CHANGES[change]) return html`<${NoSuch} what="rule" back=${BACK} />`;
  if (change && !mayChange(me)) return html`<${NotYours} title=${CHANGES[change]} back=${BACK} />`;
  if (change === "new" && read.data) return html`<${NewRule} ...${given} address=${read.data.your_address} />`;
  if (change === "remove" && read.data) return html`<${RemoveRule} ...${given} id=${path[0]} />`;
  const action = mayChange(me) && html`<a class="button main" href=${link(["ip-rules", "new"])}>Add a rule</a>`;
  return html`
    <${Page}
      title=${title}
      lead=${LEAD}
      actions=${action}
    >
      ${read.fault && html`<${Unread} read=${read} />`}
      ${!read.data && !read.fault && html`<${Loading} what="the rules" />`}
      ${read.data && html`<${Rules} ...${given} read=${read} />`}
    <//>
  `;
}

const CHANGES = { new: "Add a rule", remove: "Remove a rule" };
const BACK = html`<a class="button" href=${link(["ip-rules"])}>Back to the rules</a>`;

/** Which of the changes an address asks for: `ip-rules/new`, `ip-rules/<id>/remove`. */
const changeAt = ([first, second]) => (first === "new" && !second ? "new" : second === "remove" ? "remove" : "none");

/** Whoever is refused by the rules reads it here last: nothing else of the API answers him either. */
function Unread({ read }) {
  const denied = read.fault.code === "ip_denied";
  return html`
    ${denied &&
    html`<div class="notice bad" role="alert">
      <strong>The rules refuse your own address.</strong>
      <p>A change that nobody has confirmed is undone by itself five minutes after it was made: wait, and try again.</p>
      <p>If it was confirmed, somebody whose address passes must take the rule away, or your operator suspends the rules.</p>
    </div>`}
    <${Failed} fault=${read.fault} again=${read.reload} />
  `;
}

function Rules({ me, people, rules, read }) {
  const { suspended_at: suspended, your_address: address, max_rules: most } = read.data;
  const waiting = rules.filter((rule) => rule.confirm_before);
  return html`
    ${suspended && html`<${Suspended} at=${suspended} />`}
    ${waiting.map(
      (rule) => html`<${Waiting} key=${rule.rule_id + rule.status} rule=${rule} may=${mayChange(me)} reload=${read.reload} />`,
    )}
    <${Card} title="Rules" more=${html`<p class="fine">${number(rules.length)} of ${number(most)} at most</p>`}>
      <p>${effect(rules)}${address && html` Your own address is <code>${address}</code>.`}</p>
      <${List} me=${me} people=${people} rules=${rules} />
    <//>
  `;
}

const Suspended = ({ at }) => html`
  <div class="notice bad loud" role="alert">
    <strong>The rules are suspended: at the moment they refuse nobody.</strong>
    <p>
      An operator broke the glass on <${Moment} at=${at} />, since the rules locked people out. Everybody may come from
      anywhere, denied networks too. Correct the rules below, then ask your operator to put them in force again.
    </p>
  </div>
`;

/** What the rules come to at the moment, in one sentence. */
function effect(rules) {
  const counting = rules.filter((rule) => rule.status !== "deleting");
  const allowed = counting.filter((rule) => rule.action === "allow").length;
  const denied = counting.length - allowed;
  const but = denied ? `, but for ${denied === 1 ? "one denied network" : `${number(denied)} denied networks`}` : "";
  if (!allowed) return `People may come from anywhere${but}.`;
  return `People may come from ${allowed === 1 ? "one allowed network" : `${number(allowed)} allowed networks`} only${but}.`;
}

const MADE = {
  title: "This rule counts already, and waits to be confirmed",
  otherwise: "If nobody confirms it in time, it is undone by itself, as if it had never been made.",
};
const TAKEN = {
  title: "This rule no longer counts. Its removal waits to be confirmed",
  otherwise: "If nobody confirms it in time, the rule comes back by itself.",
};

const CONFIRM =
  "Check that people can still sign in, then confirm: from then on the change is final. You can confirm only from an address that the rules let in.";

function Waiting({ rule, may, reload }) {
  const said = rule.status === "deleting" ? TAKEN : MADE;
  const over = () => {
    // By this clock: somebody may have confirmed it elsewhere, and what is read now says so.
    announce(`The time to confirm the change of ${rule.cidr} is over: the rules stand as they are shown now.`);
    reload();
  };
  return html`
    <section class="notice warn loud" aria-label=${`To be confirmed: ${rule.action} ${rule.cidr}`}>
      <strong>${said.title}: ${rule.action} <code>${rule.cidr}</code></strong>
      <p class="left">Time left: <b><${CountDown} until=${rule.confirm_before} onOver=${over} /></b></p>
      <p>
        ${said.otherwise} ${may && CONFIRM}
      </p>
      ${may && html`<${Answers} rule=${rule} reload=${reload} />`}
    </section>
  `;
}

function Answers({ rule, reload }) {
  const path = `/api/ip-rules/${encodeURIComponent(rule.rule_id)}`;
  const act = (done, said) => async () => {
    try {
      await done();
      announce(said);
    } finally {
      reload();
    }
  };
  const withdrawn = `Undone: there is no rule to ${rule.action} ${rule.cidr}.`;
  return html`
    <div class="buttons">
      <${Act} tone="main" act=${act(() => post(`${path}/confirm`), `Confirmed: the change of ${rule.cidr} stays.`)}>Confirm<//>
      ${rule.status === "provisional" && html`<${Act} act=${act(() => remove(path), withdrawn)}>Undo it now<//>`}
    </div>
  `;
}

const STATES = { active: ["good", "in force"], provisional: ["warn", "to be confirmed"], deleting: ["warn", "being removed"] };

function List({ me, people, rules }) {
  const [shown, below] = usePortion(rules, "rules");
  const columns = [
    { head: "Network", cell: (rule) => html`<code class="whole">${rule.cidr}</code>` },
    { head: "Action", cell: (rule) => html`<${Badge} tone=${rule.action === "deny" ? "bad" : "good"}>${rule.action}<//>` },
    { head: "State", cell: (rule) => html`<${Badge} tone=${STATES[rule.status][0]}>${STATES[rule.status][1]}<//>` },
    { head: "Note", prose: true, cell: (rule) => rule.note || "–" },
    { head: "Made by", cell: (rule) => html`<${Name} id=${rule.created_by} people=${people} me=${me} />` },
    { head: "Made", cell: (rule) => html`<${Moment} at=${rule.created_at} />` },
  ];
  if (mayChange(me)) columns.push({ head: "Change", cell: removal });
  const empty = mayChange(me) ? "There is no rule yet. Add one, and see whom it would refuse before it counts." : "There is no rule yet.";
  return html`
    <${Table} caption="Address rules" columns=${columns} rows=${shown} id=${(rule) => rule.rule_id} empty=${empty} />
    ${below}
  `;
}

const removal = (rule) =>
  rule.status === "active"
    ? html`<a href=${link(["ip-rules", rule.rule_id, "remove"])} aria-label=${`Remove: ${rule.action} ${rule.cidr}`}>Remove</a>`
    : "see above";
