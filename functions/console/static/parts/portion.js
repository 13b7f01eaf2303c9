// A long list that is there as a whole, shown in portions: a table of five hundred rows is slow to draw and to read.
import { html, useState } from "../core/library.js";
import { number } from "../core/format.js";

const PORTION = 50;

/** Gives `[rows to show, what stands below the list]`. */
export function usePortion(rows, what) {
  const [count, setCount] = useState(PORTION);
  const shown = rows.slice(0, count);
  const below =
    rows.length > PORTION &&
    html`
      <p class="more">
        <span>${number(shown.length)} of ${number(rows.length)} ${what}</span>
        ${shown.length < rows.length && html`<button type="button" onClick=${() => setCount(count + PORTION)}>Show more</button>`}
      </p>
    `;
  return [shown, below];
}
