// Access reviews: who has access, and the reviews in which administrators say who keeps it.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { number } from "../core/format.js";
import { AccessList } from "../parts/access_list.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Day, Moment } from "../parts/moment.js";
import { nameIn } from "../parts/names.js";
import { NoSuch, NotYours, isId } from "../parts/no_such.js";
import { OneReview } from "../parts/one_review.js";
import { Card, Page } from "../parts/page.js";
import { usePeople } from "../parts/people.js";
import { usePortion } from "../parts/portion.js";
import { BeginReview } from "../parts/review_begin.js";
import { ReviewState, scopeText } from "../parts/review_state.js";
import { Table } from "../parts/table.js";
import { Tabs } from "../parts/tabs.js";

const LEAD =
  "Who has access is looked at once a quarter: a review freezes it, reviewers decide about each person, and what they take away is gone at once.";
const NOW = "now";
const VIEWS = [
  [link(["access-reviews"]), "Reviews"],
  [link(["access-reviews", NOW]), "Who has access now"],
];

export default function AccessReviews({ title, me, path }) {
  const { people } = usePeople(me);
  const may = me.permissions.includes("SETTINGS_SECURITY_MANAGE");
  const all = html`<a class="button" href=${link(["access-reviews"])}>Back to the reviews</a>`;
  if (path[0] === "new" && !may) return html`<${NotYours} title="Begin a review" back=${all} />`;
  if (path[0] === "new") return html`<${BeginReview} me=${me} people=${people} />`;
  if (path[0] && !isId(path[0])) return html`<${NoSuch} what="review" back=${all} />`;
  if (path[0] && path[0] !== NOW) return html`<${OneReview} key=${path[0]} id=${path[0]} me=${me} people=${people} />`;
  const action = may && html`<a class="button main" href=${link(["access-reviews", "new"])}>Begin a review</a>`;
  return html`
    <${Page} title=${title} lead=${LEAD} actions=${action}>
      <${Tabs} label="Views" views=${VIEWS} current=${link(["access-reviews", ...path])} />
      ${path[0] === NOW ? html`<${AccessList} me=${me} people=${people} />` : html`<${Reviews} people=${people} />`}
    <//>
  `;
}

function Reviews({ people }) {
  const read = useRead("/api/compliance/access-reviews");
  return html`
    <${Card} title="Reviews">
      <${Loaded} read=${read} what="the reviews">${(answer) => html`<${List} answer=${answer} people=${people} />`}<//>
    <//>
  `;
}

function List({ answer, people }) {
  const [shown, below] = usePortion(answer.reviews, "reviews");
  const columns = [
    { head: "Begun", cell: (one) => html`<a href=${link(["access-reviews", one.review_id])}><${Moment} at=${one.created_at} /></a>` },
    { head: "About", cell: (one) => scopeText(one.scope) },
    { head: "State", cell: (one) => html`<${ReviewState} review=${one} />` },
    { head: "Due", cell: (one) => html`<${Day} at=${one.due} />` },
    { head: "Decided", numeric: true, cell: (one) => `${number(one.decided)} of ${number(one.population)}` },
    { head: "Reviewers", cell: (one) => one.reviewers.map((id) => nameIn(people, id)).join(", ") },
  ];
  return html`
    <${Table}
      caption="Access reviews"
      columns=${columns}
      rows=${shown}
      id=${(one) => one.review_id}
      empty="There is no review yet. The first one shows an auditor that somebody looks at who has access."
    />
    ${below}
    ${answer.truncated && html`<p class="notice warn">There are more reviews than are listed here.</p>`}
  `;
}
