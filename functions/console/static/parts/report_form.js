// What is asked of the log: a report and a period. Nothing is read before its button is pressed.
import { html, useState } from "../core/library.js";
import { Field, Form } from "./form.js";
import { usualPeriods } from "./period.js";
import { nameOf, REPORTS } from "./report.js";

const OWN = "own";

/**
 * `send({slug, from, to})` gives a promise. With `slug` the report is fixed; `first` are the values to begin with, and
 * `onChange` hears of each change.
 */
export function ReportForm({ send, first, slug, submit, onChange, children }) {
  const periods = usualPeriods();
  const [chosen, setChosen] = useState({ slug: slug || known(first.report), ...(isPeriod(first) ? pick(first) : periods[1][1]) });
  const change = (part) => {
    setChosen({ ...chosen, ...part });
    onChange?.({ ...chosen, ...part });
  };
  const usual = periods.findIndex(([, { from, to }]) => from === chosen.from && to === chosen.to);
  const period = usual < 0 ? OWN : String(usual);
  const options = [...periods.map(([name], index) => [String(index), name]), [OWN, "Days of your choice"]];
  const onPeriod = ({ target }) => target.value !== OWN && change(periods[Number(target.value)][1]);
  const onInput = (name) => ({ target }) => change({ [name]: target.value });
  const day = (name, label) => html`
    <${Field} name=${name} label=${label} kind="date" value=${chosen[name]} onInput=${onInput(name)} required />
  `;
  return html`
    <${Form} send=${() => send(chosen)} submit=${submit}>
      <div class="inline">
        ${!slug && html`
          <${Field} ...${REPORT} value=${chosen.slug} onChange=${onInput("slug")} />
        `}
        <${Field} name="period" label="Period" kind="select" value=${period} options=${options} onChange=${onPeriod} />
        ${day("from", "From")} ${day("to", "To, inclusive")}
      </div>
      <p class="hint">
        This asks for a fresh proof that it is you, which lasts five minutes, and stands in the log as an export in your name.
        ${children}
      </p>
    <//>
  `;
}

const CHOICES = REPORTS.map(([slug]) => [slug, nameOf(slug)]);
const REPORT = { name: "report", label: "Report", kind: "select", options: CHOICES };
const known = (slug) => (REPORTS.some(([each]) => each === slug) ? slug : REPORTS[0][0]);
const isPeriod = ({ from, to }) => [from, to].every((each) => /^\d{4}-\d\d-\d\d$/.test(each || ""));
const pick = ({ from, to }) => ({ from, to });
