// A moment, as the reader's clock has it; the moment in UTC stands behind it.
import { html } from "../core/library.js";
import { day, moment } from "../core/format.js";

export function Moment({ at }) {
  if (!at) return "–";
  const [date, clock] = moment(at).split(", "); // in a narrow column two lines, and no more
  return html`<time datetime=${at} title=${at}><span class="whole">${date},</span> <span class="whole">${clock}</span></time>`;
}

/** A moment that opens what happened then. */
export const OpenAt = ({ at, show }) => html`<button type="button" class="link" onClick=${show}><${Moment} at=${at} /></button>`;

export const Day = ({ at }) => (at ? html`<time class="whole" datetime=${at} title=${at}>${day(at)}</time>` : "–");
