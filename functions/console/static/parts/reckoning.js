// A decision of the risk, written so that anybody can compute it again. The arithmetic is that of policy "risk-1": of each
// group the heaviest enforced signal counts, the groups add up, trust subtracts, and the sum ends at 0 and 100.
import { html } from "../core/library.js";
import { number, words } from "../core/format.js";
import { Badge } from "./badge.js";
import { Table } from "./table.js";

const POLICY = "risk-1";
const HIGHEST = 100;
// What goes without saying in a new country or after an impossible journey is not counted beside these.
const IMPLIED = ["NEW_NETWORK", "CONCURRENT_COUNTRIES"];
const IMPLYING = ["NEW_COUNTRY", "IMPOSSIBLE_TRAVEL"];

// Signals whose names do not read well by themselves.
const SIGNALS = {
  ANON_NETWORK: "anonymous network",
  CONCURRENT_COUNTRIES: "two countries at once",
  DEVICE_MISMATCH: "another device",
  DORMANT: "long away",
  FAILS_3: "3 or more wrong passwords",
  FAILS_6: "6 or more wrong passwords",
  FAILS_10: "10 or more wrong passwords",
  FIRST_LOGIN: "first sign-in",
  PHISHING_RESISTANT: "signed in with a passkey",
  RECENT_STEP_UP: "second factor lately",
  REPLAY_RATE: "tokens presented again often",
  SESSION_LIMIT: "as many sessions as allowed",
  SPRAY_SOURCE: "network that tries many accounts",
  UNKNOWN_GEO: "country not known",
};

export const signalName = (name) => SIGNALS[name] || words(name);

export const DECISIONS = {
  ALLOW: ["good", "allowed"],
  STEP_UP_REQUIRED: ["warn", "second factor asked"],
  BLOCK: ["bad", "blocked"],
};

export function Decision({ action }) {
  const [tone, text] = DECISIONS[action] || ["plain", words(action)];
  return html`<${Badge} tone=${tone}>${text}<//>`;
}

/** Gives `{score, action, counted}` by what the record says of its signals alone; null for another policy. */
export function reckoned(decision) {
  if (decision.policy !== POLICY) return null;
  const enforced = decision.signals.filter((signal) => signal.mode === "enforce");
  const without = (names) => enforced.filter(({ name }) => !names.includes(name));
  const choices = enforced.some(({ name }) => IMPLYING.includes(name)) ? [without(IMPLIED), without(IMPLYING)] : [enforced];
  const [best] = choices.map(sumOf).sort((one, other) => other.score - one.score);
  return { ...best, action: actionOf(best.score, decision) };
}

function sumOf(signals) {
  const heaviest = new Map();
  for (const signal of signals) {
    const held = heaviest.get(signal.group);
    const heavier = !held || (signal.group === "trust" ? signal.points < held.points : signal.points > held.points);
    if (heavier) heaviest.set(signal.group, signal);
  }
  const counted = [...heaviest.values()];
  const sum = counted.reduce((total, { points }) => total + points, 0);
  return { counted, sum, score: Math.max(0, Math.min(HIGHEST, sum)) };
}

const actionOf = (score, { step_up_score: ask, block_score: block }) =>
  score >= block ? "BLOCK" : score >= ask ? "STEP_UP_REQUIRED" : "ALLOW";

export function Reckoning({ decision }) {
  const again = reckoned(decision);
  const { signals, step_up_score: ask, block_score: block } = decision;
  const counts = (signal) => again?.counted.some(({ name }) => name === signal.name);
  const columns = [
    { head: "Signal", cell: ({ name, group }) => html`${signalName(name)}<span class="fine below">group: ${group}</span>` },
    { head: "Points", cell: ({ points }) => number(points), numeric: true },
    { head: "Counts", cell: (signal) => (counts(signal) ? "yes" : signal.mode === "enforce" ? "no" : `no: ${signal.mode} only`) },
    { head: "What was seen", cell: ({ input }) => seen(input) },
  ];
  return html`
    <p><strong>${number(decision.score)} of 100:</strong> <${Decision} action=${decision.action} /></p>
    <${Table}
      caption="Signals and their weights"
      columns=${columns}
      rows=${signals}
      id=${({ name }) => name}
      empty="No signal was noticed."
    />
    ${again
      ? html`<${Sum} again=${again} decision=${decision} />`
      : html`<p>It was decided by the policy ${decision.policy}, whose arithmetic this page does not know.</p>`}
    <p class="fine">
      From ${ask} on a second factor is asked for, from ${block} on the sign-in is blocked: the thresholds of settings version
      ${" "}${decision.settings_version}. Of each group the heaviest enforced signal counts; the groups add up; trust subtracts.
      ${decision.off?.length > 0 && ` Switched off: ${decision.off.map(signalName).join(", ")}.`}
    </p>
  `;
}

function Sum({ again, decision }) {
  const { counted, sum, score, action } = again;
  const term = ({ points }, index) => (index && points >= 0 ? `+ ${points}` : String(points).replace("-", "− "));
  const terms = counted.map(term).join(" ");
  const bounded = sum === score ? "" : `, which ends at ${score}`;
  const same = score === decision.score && action === decision.action;
  return html`
    <p class="figures">${counted.length ? `${terms} = ${sum}${bounded}` : "Nothing counts: 0"}</p>
    <p>
      ${same
        ? html`<${Badge} tone="good">computed again: the same<//>`
        : html`<${Badge} tone="bad">computed again: ${score}, ${words(action)}, which is not what was decided<//>`}
    </p>
  `;
}

const seen = (input) =>
  Object.entries(input || {})
    .map(([name, value]) => `${words(name)}: ${value}`)
    .join(", ") || "–";
