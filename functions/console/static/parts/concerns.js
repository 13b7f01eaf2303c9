// What of the posture asks for somebody, as sentences with a way to where it is seen to. The worst stands first.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { day, number } from "../core/format.js";
import { countsOf, roughly, secondsSince, summaryOf } from "./posture.js";

const STALE_SECONDS = 86_400; // a log that nobody signed for a day can be rewritten for a day unnoticed
const ORDER = ["bad", "warn"];

/** Gives `{tone, text, to}`; what is not there yet raises no concern, and what could not be read is one by itself. */
export function concernsOf({ reads, periods, sees }) {
  const found = [
    ...ofLog(reads.questions.data),
    ...ofIncidents(reads.questions.data?.incidents),
    ...ofPeople(reads.administrators.data?.people || [], sees),
    ...ofCheckpoint(reads.checkpoint.data),
    ...ofCalendar(reads.running.data, periods.running),
    ...ofCalendar(reads.before.data, periods.before),
    ...ofReviews(reads.reviews.data?.reviews || []),
    ...ofImpersonations(reads.impersonations.data?.impersonations || []),
    ...unchecked(reads, periods),
  ];
  return ORDER.flatMap((tone) => found.filter((each) => each.tone === tone));
}

/** An alarm that nobody could look at is not silence: each of them says so. */
function unchecked(reads, { running, before }) {
  const evidence = ({ name, from, to }) => [`The evidence of ${name} could not be checked.`, link(["calendar"], { from, to })];
  const said = {
    questions: ["Alarms about the audit log and incidents of the last 30 days could not be checked.", link(["activity"])],
    administrators: [ofFactors(reads.administrators.fault), link(["access-reviews"])],
    checkpoint: ["When the log was last signed could not be checked.", link(["log"])],
    running: evidence(running),
    before: evidence(before),
    reviews: ["Whether an access review is overdue could not be checked.", link(["access-reviews"])],
    impersonations: ["Whether an impersonation is under way could not be checked.", link(["impersonation"])],
  };
  return Object.entries(said)
    .filter(([name]) => reads[name].fault && reads[name].fault.code !== "not_signed_yet") // which is an answer
    .map(([, [text, to]]) => ({ tone: "warn", text, to }));
}

function ofFactors(fault) {
  const why = fault?.code === "too_many_people" ? ": there are more of them than one list holds" : "";
  return `Whether each administrator has a second factor could not be checked${why}.`;
}

const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

function ofLog(data) {
  const { AUDIT_INTEGRITY_FAILED: failed = 0, AUDIT_TAMPER_DETECTED: alarms = 0 } = data ? countsOf(data) : {};
  if (!failed && !alarms) return [];
  const text = `${plural(failed + alarms, "alarm", "alarms")} about the audit log in the last 30 days.`;
  return [{ tone: "bad", text, to: link(["activity"], { report: "audit-log-integrity" }) }];
}

function ofIncidents(incidents) {
  const { not_contained: open = 0, complete = true } = incidents ?? {};
  const what = plural(open, "incident of the last 30 days was", "incidents of the last 30 days were");
  const to = link(["incidents"]);
  return [
    ...(open ? [{ tone: "bad", text: `${what} not contained.`, to }] : []),
    ...(complete ? [] : [{ tone: "warn", text: "The log has more incidents of the last 30 days than were counted here.", to }]),
  ];
}

function ofPeople(people, sees) {
  const bare = people.filter((one) => one.status === "ACTIVE" && !one.mfa && ["owner", "admin"].includes(one.role)).length;
  if (!bare) return [];
  const text = `${plural(bare, "administrator has", "administrators have")} no second factor.`;
  return [{ tone: "bad", text, to: link([sees("staff") ? "staff" : "access-reviews"]) }];
}

function ofCheckpoint(checkpoint) {
  const age = checkpoint ? secondsSince(checkpoint.watermark) : 0;
  if (age <= STALE_SECONDS) return [];
  return [{ tone: "bad", text: `The log was last signed ${roughly(age)} ago.`, to: link(["log"]) }];
}

function ofCalendar(data, { name, from, to }) {
  if (!data) return [];
  const { missed, failed } = summaryOf(data);
  const place = link(["calendar"], { from, to });
  const found = [];
  const told = (count, one, many) => count && found.push({ tone: "bad", text: `${plural(count, one, many)}.`, to: place });
  told(failed, `collection of evidence of ${name} failed`, `collections of evidence of ${name} failed`);
  told(missed, `piece of evidence of ${name} was missed`, `pieces of evidence of ${name} were missed`);
  return found;
}

function ofReviews(reviews) {
  return reviews
    .filter((each) => each.overdue)
    .map((each) => ({
      tone: "bad",
      text: `An access review was due on ${day(each.due)}: ${number(each.decided)} of ${number(each.population)} decided.`,
      to: link(["access-reviews", each.review_id]),
    }));
}

function ofImpersonations(impersonations) {
  const live = impersonations.filter((each) => each.status === "active").length;
  if (!live) return [];
  const text = `${plural(live, "impersonation is", "impersonations are")} under way.`;
  return [{ tone: "warn", text, to: link(["impersonation"]) }];
}

export function Attention({ concerns, busy }) {
  if (concerns.length) {
    return html`
      <section class="attention" aria-labelledby="attention">
        <h2 id="attention">Needs attention</h2>
        <ul>
          ${concerns.map(({ tone, text, to }) => html`<li class=${tone}><a href=${to}>${text}</a></li>`)}
        </ul>
      </section>
    `;
  }
  return html`<p class="calm" role="status">${busy ? "Reading how things stand …" : "Nothing needs attention."}</p>`;
}
