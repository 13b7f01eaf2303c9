// One access review: how it stands, the people in it, and how it is closed.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { announce } from "../core/announce.js";
import { post } from "../core/api.js";
import { day, number } from "../core/format.js";
import { accessColumns } from "./access_line.js";
import { Copyable } from "./copyable.js";
import { Dialog } from "./dialog.js";
import { Exports } from "./file_buttons.js";
import { Form } from "./form.js";
import { Failed, Loading, useRead } from "./loaded.js";
import { Day, Moment } from "./moment.js";
import { Name, nameIn } from "./names.js";
import { Card, Page } from "./page.js";
import { usePortion } from "./portion.js";
import { ReviewPeople } from "./review_people.js";
import { ReviewState, scopeText } from "./review_state.js";
import { Table } from "./table.js";

const back = html`<a class="button" href=${link(["access-reviews"])}>Back to the reviews</a>`;

export function OneReview({ id, me, people }) {
  const path = `/api/compliance/access-reviews/${encodeURIComponent(id)}`;
  const read = useRead(path);
  const review = read.data?.review;
  const title = review ? `Access review of ${day(review.created_at)}` : "Access review";
  const actions = html`${back}${review && html`<${Exports} path=${`${path}/export`} name=${`access-review-${id}`} />`}`;
  return html`
    <${Page} title=${title} lead=${review && `About ${scopeText(review.scope)}.`} actions=${actions}>
      ${read.fault && html`<${Failed} fault=${read.fault} again=${read.reload} />`}
      ${!review && !read.fault && html`<${Loading} what="the review" />`}
      ${review && html`<${Review} whole=${read.data} path=${path} me=${me} people=${people} reload=${read.reload} />`}
    <//>
  `;
}

function Review({ whole, path, me, people, reload }) {
  const { review } = whole;
  const reviewer = review.reviewers.includes(me.staff.staff_id) && me.permissions.includes("STAFF_MANAGE");
  const left = review.population - review.decided;
  return html`
    <${Standing} review=${review} left=${left} reviewer=${reviewer} people=${people} />
    ${reviewer && review.status === "OPEN" && left === 0 && html`<${Attest} path=${path} review=${review} whole=${whole} reload=${reload} />`}
    <${Facts} review=${review} me=${me} people=${people} />
    <${ReviewPeople} whole=${whole} path=${path} me=${me} people=${people} reviewer=${reviewer} reload=${reload} />
    <${Since} whole=${whole} me=${me} people=${people} />
  `;
}

/** What is to be done, by whom; nothing of it comes as a surprise later. */
function Standing({ review, left, reviewer, people }) {
  if (review.status === "ATTESTED") {
    return html`
      <div class="notice good">
        <strong>Attested by ${nameIn(people, review.attested_by)} on <${Moment} at=${review.attested_at} />.</strong>
        <p>Nothing in it changes any more.</p>
      </div>
    `;
  }
  const names = review.reviewers.map((id) => nameIn(people, id)).join(", ");
  const todo = left
    ? `${number(left)} of ${number(review.population)} people are still to be decided about.`
    : "Everybody is decided: a reviewer attests the review now.";
  return html`
    <div class=${`notice ${review.overdue ? "bad" : ""}`}>
      ${review.overdue && html`<strong>Overdue since <${Day} at=${review.due} />.</strong>`}
      <p>
        ${todo} ${!reviewer && `The reviewers are ${names}: you can look, and decide nothing.`}
        ${review.overdue && " It can still be finished; what is decided now says that it was late."}
      </p>
      <progress max=${review.population} value=${review.decided} aria-label="People who are decided"></progress>
    </div>
  `;
}

function Facts({ review, me, people }) {
  const rows = [
    ["State", html`<${ReviewState} review=${review} />`],
    ["Due", html`<${Day} at=${review.due} />, in UTC`],
    ["Begun", html`<${Moment} at=${review.created_at} /> by <${Name} id=${review.created_by} people=${people} me=${me} />`],
    ["Reviewers", review.reviewers.map((id) => html`<span class="part"><${Name} id=${id} people=${people} me=${me} /></span>`)],
    ["Events", html`<code>${review.created_event}</code>${review.attested_event && html`, <code>${review.attested_event}</code>`}`],
  ];
  return html`
    <${Card} title="The snapshot">
      <dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
      <${Copyable}
        label="SHA-256 of the snapshot"
        value=${review.snapshot_sha256}
        hint="It stands in the log since the review began. Whoever has the export can make it again from the snapshot, so a change would be seen."
      />
      ${review.decisions_sha256 &&
      html`<${Copyable}
        label="SHA-256 of the decisions"
        value=${review.decisions_sha256}
        hint="It stands in the log since the review was attested."
      />`}
    <//>
  `;
}

function Attest({ path, review, whole, reload }) {
  const [asked, setAsked] = useState(false);
  const close = () => setAsked(false);
  const done = () => {
    close();
    announce("The review is attested, and stays as it is.");
    reload();
  };
  return html`
    <${Card} title="Close the review">
      <p>Everybody is decided. To attest says that the review was done, and closes it for good.</p>
      <button type="button" class="main" onClick=${() => setAsked(true)}>Attest the review</button>
    <//>
    ${asked &&
    html`
      <${Dialog} title="Attest the review" onClose=${close}>
        <p>
          You confirm that ${number(review.population)} people were decided about. Both hashes go into the log under your name, and
          nothing in the review changes any more. This cannot be undone.
        </p>
        ${whole.delta_total > 0 &&
        html`<p class="notice warn">${number(whole.delta_total)} got access since: nobody has decided about them, and the review will say so.</p>`}
        <${Form} send=${() => post(`${path}/attest`)} onDone=${done} submit="Attest" cancel=${close} />
      <//>
    `}
  `;
}

const UNSEEN =
  "They have access that the snapshot does not show. This review decides nothing about them: begin another one, or change it on the page Staff.";

/** Who has access that nobody has decided about. */
function Since({ whole, me, people }) {
  const [shown, below] = usePortion(whole.delta, "people");
  const attested = whole.review.status === "ATTESTED";
  const empty = attested ? "Nobody got access between the snapshot and the attestation." : "Nobody got access since the snapshot.";
  return html`
    <${Card} title="Who got access since">
      ${whole.delta.length > 0 && html`<p>${UNSEEN}</p>`}
      <${Table}
        caption="Who got access since the snapshot"
        columns=${accessColumns({ people, me })}
        rows=${shown}
        id=${(one) => one.staff_id}
        empty=${empty}
      />
      ${below}
      ${whole.delta_total > whole.delta.length && html`<p class="fine">${number(whole.delta.length)} of ${number(whole.delta_total)} are listed.</p>`}
    <//>
  `;
}
