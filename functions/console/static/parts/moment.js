// A moment, as the reader's clock has it; the moment in UTC stands behind it.
import { html } from "../core/library.js";
import { day, moment } from "../core/format.js";

export const Moment = ({ at }) => (at ? html`<time datetime=${at} title=${at}>${moment(at)}</time>` : "–");
export const Day = ({ at }) => (at ? html`<time datetime=${at} title=${at}>${day(at)}</time>` : "–");
