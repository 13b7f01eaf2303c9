// A review is begun: whose access, who decides, and until when.
import { html } from "../core/library.js";
import { go, link } from "../core/address.js";
import { announce } from "../core/announce.js";
import { post } from "../core/api.js";
import { isoDay } from "../core/format.js";
import { covers } from "../core/roles.js";
import { Field, Form } from "./form.js";
import { Loading } from "./loaded.js";
import { Card, Page } from "./page.js";
import { atField } from "./password_field.js";
import { nameOf } from "./staff_badges.js";

const LEAD = "It freezes who has access at this moment. The hash of that stands in the log, so that a later change would be seen.";
const DAY_MS = 86_400_000;
const USUAL_DAYS = 14;
const MOST_DAYS = 365;
const CHOSEN = "reviewer:";
const SCOPES = [
  ["administrators", "Administrators: whoever may change more than the own account"],
  ["everybody", "Everybody with access"],
];
const NOBODY = { title: "Nobody is chosen", message: "Choose who decides: two reviewers at least, so that nobody decides about himself." };
const inDays = (count) => isoDay(new Date(Date.now() + count * DAY_MS));

export function BeginReview({ me, people }) {
  const fit = (people || []).filter((one) => one.status === "ACTIVE" && covers(one.role, "admin"));
  const send = (values) => {
    const reviewers = Object.keys(values)
      .filter((name) => name.startsWith(CHOSEN) && values[name])
      .map((name) => name.slice(CHOSEN.length));
    if (!reviewers.length) throw NOBODY;
    return post("/api/compliance/access-reviews", { scope: values.scope, due: values.due, reviewers }).catch(inWords);
  };
  const begun = (review) => {
    announce("The review has begun.");
    go(["access-reviews", review.review_id]);
  };
  const back = html`<a class="button" href=${link(["access-reviews"])}>Back to the reviews</a>`;
  return html`
    <${Page} title="Begin a review" lead=${LEAD} actions=${back}>
      <${Card} title="The review">
        <div class="narrow">
          <${Form} send=${send} onDone=${begun} submit="Begin the review" cancel=${() => go(["access-reviews"])}>
            <${Field} name="scope" label="Whose access" kind="select" options=${SCOPES} />
            ${people ? html`<${Reviewers} fit=${fit} me=${me} />` : html`<${Loading} what="who can review" />`}
            <${Field}
              name="due"
              label="Due"
              kind="date"
              value=${inDays(USUAL_DAYS)}
              min=${inDays(0)}
              max=${inDays(MOST_DAYS)}
              hint="The last day, in UTC. Later it is overdue: it can still be finished, and the evidence says that it was late."
              required
            />
          <//>
        </div>
      <//>
    <//>
  `;
}

/** What does not fit into one review is said beside the choice that makes it smaller. */
function inWords(fault) {
  if (fault.code !== "too_many_people") throw fault;
  throw atField("scope", `${fault.message} ${SMALLER}`, "There are more people than one review holds", "No review was begun.");
}

const SMALLER = "Choose “Administrators”: a review of them covers whoever may change more than the own account.";

const Reviewers = ({ fit, me }) => html`
  <fieldset class="choices">
    <legend>Reviewers</legend>
    <p class="hint">
      Choose two at least: nobody decides about the own access, or about more than he holds. About an owner only another owner decides, but the
      last one's role can be kept by any reviewer.
    </p>
    <div class="scroll">
      ${fit.map(
        (one) => html`
          <label class="choice" key=${one.staff_id}>
            <input type="checkbox" name=${CHOSEN + one.staff_id} />
            <span>
              ${nameOf(one)}${one.staff_id === me.staff.staff_id && " (you)"}, ${one.role}
              <span class="below">${one.email}</span>
            </span>
          </label>
        `,
      )}
    </div>
  </fieldset>
`;
