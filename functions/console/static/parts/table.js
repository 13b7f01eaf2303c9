// Tables. On a narrow window each row becomes a card, whose lines carry the heading of their column.
import { html, useEffect, useRef, useState } from "../core/library.js";

/**
 * `columns` are `{head, cell: (row) => what is shown, numeric?, prose?}`, the first one names the row, and one of `prose`
 * is wide enough to be read; `rows` any objects, `id` gives the key of one. `caption` is for those who do not see the heading above.
 */
export function Table({ caption, columns, rows, id, empty = "There is nothing here." }) {
  const region = useRef(null);
  const scrolls = useOverflow(region, rows.length > 0);
  if (!rows.length) return html`<p class="empty">${empty}</p>`;
  return html`
    ${scrolls && html`<p class="fine sideways">Wider than its place: move it sideways, with the arrow keys too.</p>`}
    <div ref=${region} class="wide" role="region" tabindex=${scrolls ? 0 : undefined} aria-label=${caption}>
      <table>
        <caption>
          ${caption}
        </caption>
        <thead>
          <tr>
            ${columns.map((column) => html`<th scope="col" class=${column.numeric ? "number" : ""}>${column.head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<tr key=${id(row)}>${columns.map((column, index) => cellOf(column, index, row))}</tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** Whether a table is wider than its place: only then it must be reached by the keyboard, to be moved sideways. */
function useOverflow(region, drawn) {
  const [overflows, setOverflows] = useState(false);
  useEffect(() => {
    if (!drawn) return undefined;
    const place = region.current;
    const watch = new ResizeObserver(() => setOverflows(place.scrollWidth > place.clientWidth));
    watch.observe(place);
    watch.observe(place.firstElementChild);
    return () => watch.disconnect();
  }, [drawn]);
  return overflows;
}

function cellOf(column, index, row) {
  const given = { class: column.numeric ? "number" : column.prose ? "prose" : "", "data-head": column.head };
  if (index === 0) return html`<th scope="row" ...${given}>${column.cell(row)}</th>`;
  return html`<td ...${given}>${column.cell(row)}</td>`;
}
