// A range of days: a quarter by one button, or any two dates. The page keeps it in its address.
import { html } from "../core/library.js";
import { quarterOf } from "./period.js";

const QUARTERS = 4;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The range in `query`, or the quarter that today lies in where `query` has none that could be. */
export function rangeOf({ from, to }) {
  const { from: first, to: last } = quarterOf(new Date());
  return DAY.test(from) && DAY.test(to) && from <= to ? { from, to } : { from: first, to: last };
}

/** The last quarters, the running one at the end. */
export const quarters = (now = new Date()) =>
  Array.from({ length: QUARTERS }, (_, back) => quarterOf(now, QUARTERS - 1 - back));

/** `onChange` gets `{from, to}`; `latest` is the last day that can be chosen, where there is one. */
export function RangeChooser({ range, onChange, latest }) {
  const show = (event) => {
    event.preventDefault();
    const { from, to } = event.target.elements;
    to.setCustomValidity(from.value > to.value ? "The last day is before the first." : "");
    if (to.reportValidity()) onChange({ from: from.value, to: to.value });
  };
  const retyped = (event) => event.currentTarget.elements.to.setCustomValidity("");
  return html`
    <div class="range">
      <div class="buttons" role="group" aria-label="Quarters">
        ${quarters().map((quarter) => html`<${Quarter} quarter=${quarter} range=${range} onChange=${onChange} />`)}
      </div>
      <form class="inline" key=${`${range.from} ${range.to}`} aria-label="Any range" onInput=${retyped} onSubmit=${show}>
        <label>From <input type="date" name="from" defaultValue=${range.from} max=${latest} required /></label>
        <label>To <input type="date" name="to" defaultValue=${range.to} max=${latest} required /></label>
        <button type="submit">Show</button>
      </form>
    </div>
  `;
}

function Quarter({ quarter, range, onChange }) {
  const chosen = quarter.from === range.from && quarter.to === range.to;
  return html`
    <button
      type="button"
      class="pick"
      aria-pressed=${chosen ? "true" : "false"}
      onClick=${() => onChange({ from: quarter.from, to: quarter.to })}
    >
      ${quarter.name}
    </button>
  `;
}
