// The frame of a page: its heading, which takes the focus when the page is opened, and what it is for.
import { html, useEffect, useRef } from "../core/library.js";

export function Page({ title, lead, actions, children }) {
  const heading = useRef(null);
  useEffect(() => heading.current.focus({ preventScroll: true }), [title]);
  return html`
    <div class="page">
      <header class="head">
        <div>
          <h1 ref=${heading} tabindex="-1">${title}</h1>
          ${lead && html`<p class="lead">${lead}</p>`}
        </div>
        ${actions && html`<div class="buttons">${actions}</div>`}
      </header>
      ${children}
    </div>
  `;
}

export const Card = ({ title, children, more }) => html`
  <section class="card">
    <div class="head">
      <h2>${title}</h2>
      ${more}
    </div>
    ${children}
  </section>
`;
