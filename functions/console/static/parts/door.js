// The pages before anybody is signed in: one column, one thing to do.
import { html } from "../core/library.js";
import { Page } from "./page.js";

export const Door = ({ title, lead, children }) => html`
  <main class="door">
    <p class="brand">Muniment</p>
    <${Page} title=${title} lead=${lead}>${children}<//>
  </main>
`;
