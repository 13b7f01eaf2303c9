// Views of one page, each with an address of its own.
import { html } from "../core/library.js";

/** `views` are `[address, text]`; `current` is one of the addresses. */
export const Tabs = ({ label, views, current }) => html`
  <div role="navigation" aria-label=${label}>
    <ul class="tabs">
      ${views.map(([place, text]) => html`<li><a href=${place} aria-current=${place === current ? "page" : undefined}>${text}</a></li>`)}
    </ul>
  </div>
`;
