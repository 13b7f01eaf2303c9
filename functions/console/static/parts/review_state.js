// How a review stands, in a word.
import { html } from "../core/library.js";
import { Badge } from "./badge.js";

export const scopeText = (scope) => (scope === "everybody" ? "everybody" : "administrators");

export function ReviewState({ review }) {
  if (review.status === "ATTESTED") return html`<${Badge} tone="good">attested<//>`;
  if (review.overdue) return html`<${Badge} tone="bad">overdue<//>`;
  if (review.decided === review.population) return html`<${Badge} tone="warn">to be attested<//>`;
  return html`<${Badge} tone="plain">open<//>`;
}
