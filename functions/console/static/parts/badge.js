// A word for a state. The word says it; the colour and the mark in front only help.
import { html } from "../core/library.js";

const MARKS = { good: "●", bad: "▲", warn: "◆", plain: "○" };

/** `tone` is "good", "bad", "warn" or "plain". */
export const Badge = ({ tone = "plain", children }) =>
  html`<span class=${`badge ${tone}`}><span aria-hidden="true">${MARKS[tone]}</span> ${children}</span>`;
