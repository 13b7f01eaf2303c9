// What every picture has: the width that there is, a title, the same in words, and the same numbers as a table.
import { html, newId, useEffect, useRef, useState } from "../core/library.js";
import { Table } from "../parts/table.js";

const FIRST_WIDTH = 640;
const PAPER = 760; // pixels that a page of paper is wide, within its margins

/** Gives `[ref, width]`: pictures are drawn at their real size, on paper too, so that their text is as large as any other. */
function useWidth() {
  const element = useRef(null);
  const [width, setWidth] = useState(FIRST_WIDTH);
  useEffect(() => {
    const watcher = new ResizeObserver(([{ contentRect }]) => contentRect.width && setWidth(Math.floor(contentRect.width)));
    const shown = () => watcher.observe(element.current); // which tells the width that there is
    const printed = () => {
      watcher.disconnect();
      setWidth(PAPER);
    };
    shown();
    addEventListener("beforeprint", printed);
    addEventListener("afterprint", shown);
    return () => {
      watcher.disconnect();
      removeEventListener("beforeprint", printed);
      removeEventListener("afterprint", shown);
    };
  }, []);
  return [element, width];
}

/**
 * `draw(width)` gives `{height, shapes}`; `words` say what the picture shows; `table` is what `Table` takes, but for the
 * caption, which is the title. With `within` the shapes can be chosen, and the picture is a group of them instead of one image.
 */
export function Picture({ title, words, draw, table, within = false, children }) {
  const [element, width] = useWidth();
  const [open, setOpen] = useState(false);
  const [id] = useState(() => newId("picture"));
  const { height, shapes } = draw(width);
  const role = within ? "group" : "img";
  return html`
    <figure class="drawn">
      <figcaption>
        <strong id=${`${id}-title`}>${title}</strong>
        <span class="fine" id=${`${id}-words`}>${words}</span>
      </figcaption>
      ${children}
      <div ref=${element}>
        <svg class="picture" role=${role} aria-labelledby=${`${id}-title`} aria-describedby=${`${id}-words`}
          width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
          <${Patterns} id=${id} />
          ${shapes(id)}
        </svg>
      </div>
      <button type="button" class="link" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>
        ${open ? "Hide the table" : "Show as a table"}
      </button>
      ${open && html`<${Table} caption=${title} ...${table} />`}
    </figure>
  `;
}

/** The pattern of what was refused: it is told apart without colour. */
const Patterns = ({ id }) => html`
  <defs>
    <pattern id=${`${id}-hatch`} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="ground" width="5" height="5" />
      <rect class="stroke" width="2" height="5" />
    </pattern>
  </defs>
`;

export const hatch = (id) => `url(#${id}-hatch)`;

/** A whole number at which an axis may end, with another one at its half: 2, 4, 6, 8, 10, 20, 40 ... */
export function roundUp(value) {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [2, 4, 6, 8, 10].map((step) => step * size).find((step) => step >= value);
}
