// How much of a whole: one bar, whose parts differ in pattern as well as in tone.
import { html } from "../core/library.js";

const WIDTH = 300;

/** `parts` are `[form, count]`; the words stand beside it, so that a screen reader needs no picture. */
export function Share({ parts }) {
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  if (!total) return null;
  let at = 0;
  const drawn = parts
    .filter(([, count]) => count)
    .map(([form, count]) => {
      const width = Math.max(2, (WIDTH * count) / total);
      const x = Math.min(at, WIDTH - width);
      at = x + width;
      return html`<rect class=${`share ${form}`} x=${x} y="1" width=${width} height="10" />`;
    });
  return html`
    <svg class="picture" viewBox=${`0 0 ${WIDTH} 12`} preserveAspectRatio="none" height="12" aria-hidden="true">
      ${drawn}
      <rect class="frame" x="0.5" y="1.5" width=${WIDTH - 1} height="9" />
    </svg>
  `;
}
