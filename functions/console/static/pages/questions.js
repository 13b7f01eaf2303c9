// What an auditor asks, answered from the settings in force, with what the log counted in the range.
import { html } from "../core/library.js";
import { link, replace } from "../core/address.js";
import { download } from "../core/download.js";
import { isoDay, number } from "../core/format.js";
import { Act } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { RangeChooser, rangeOf } from "../parts/range.js";
import { inline } from "../parts/written.js";

const LEAD = "Six questions that auditors ask: the answer from the settings in force, and what the log counted in the range.";
const PATH = "/api/compliance/questions";

export default function Questions({ title, query }) {
  const range = upToToday(rangeOf(query));
  const read = useRead(PATH, range);
  const actions = html`<${Act} act=${() => download(PATH, { ...range, format: "markdown" }, "questions.md")}>Save as Markdown<//>`;
  return html`
    <${Page} title=${title} lead=${LEAD} actions=${actions}>
      <${RangeChooser} range=${rangeOf(query)} onChange=${(chosen) => replace(["questions"], chosen)} />
      <${Loaded} read=${read} what="the answers">${(given) => html`<${Answers} given=${given} range=${range} />`}<//>
    <//>
  `;
}

/** The log has nothing of days to come: a range that is not over ends today. */
function upToToday({ from, to }) {
  const today = isoDay(new Date());
  return { from, to: to > today && from <= today ? today : to };
}

const Answers = ({ given, range }) => html`
  <p class="fine">
    Counted up to <${Moment} at=${given.watermark} />. Settings version ${given.settings.version}, catalogue of events ${given.catalogue.version}.
    ${given.log_begins && html`${" "}The log begins at <${Moment} at=${given.log_begins} />.`}
  </p>
  ${given.questions.map(
    (each) => html`
      <section class="card question" key=${each.id}>
        <h2>${each.question}</h2>
        <p class="answer">${inline(each.answer)}</p>
        <div>
          <h3>In the log</h3>
          <ul class="tallies">
            ${Object.entries(each.counts).map(([action, count]) => html`<li><span class="figures">${number(count)}</span><code>${action}</code></li>`)}
          </ul>
          <h3>Evidence</h3>
          <ul>
            ${each.evidence.map(({ report, title }) => html`<li><a href=${link(["activity"], { report, ...range })}>${title}</a></li>`)}
          </ul>
        </div>
      </section>
    `,
  )}
`;
