// A moment, as the reader's clock has it; the moment in UTC stands behind it.
import { html } from "../core/library.js";
import { day, moment } from "../core/format.js";

export const Moment = ({ at }) => (at ? html`<time datetime=${at} title=${at}>${moment(at)}</time>` : "–");
/** A moment that opens what happened then. */
export const OpenAt = ({ at, show }) => html`<button type="button" class="link" onClick=${show}><${Moment} at=${at} /></button>`;

export const Day = ({ at }) => (at ? html`<time datetime=${at} title=${at}>${day(at)}</time>` : "–");
