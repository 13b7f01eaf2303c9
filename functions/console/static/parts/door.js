// The pages before anybody is signed in: one column, one thing to do.
import { html } from "../core/library.js";
import { Page } from "./page.js";

/** What stands where a link of a mail has lost its token. */
export const BrokenLink = ({ children }) => html`
  <${Door} title="This link is not whole">
    <p>${children}</p>
    <p><a href="/">To the sign-in page</a></p>
  <//>
`;

export const Door = ({ title, lead, children }) => html`
  <main class="door">
    <p class="brand">Muniment</p>
    <${Page} title=${title} lead=${lead}>${children}<//>
  </main>
`;
