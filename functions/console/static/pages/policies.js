// The policies, written from the settings in force, as documents to read, print and hand over.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { download, save } from "../core/download.js";
import { Act } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Page } from "../parts/page.js";
import { Written } from "../parts/written.js";

const LEAD = "Written from the settings in force: what is changed there is changed here at once.";
const PATH = "/api/compliance/policies";

export default function Policies({ title, path }) {
  const read = useRead(PATH);
  const actions = html`
    <button type="button" onClick=${() => window.print()}>Print</button>
    <${Act} act=${() => download(PATH, { format: "markdown" }, "policies.md")}>Save all as Markdown<//>
  `;
  return html`
    <${Page} title=${title} lead=${LEAD} actions=${actions}>
      <${Loaded} read=${read} what="the policies">${(given) => html`<${Documents} given=${given} chosen=${path[0]} />`}<//>
    <//>
  `;
}

function Documents({ given, chosen }) {
  const { documents, settings } = given;
  const shown = chosen ? documents.find(({ id }) => id === chosen) : documents[0];
  return html`
    <nav class="contents" aria-label="Documents">
      <ul>
        ${documents.map(
          ({ id, title }) => html`<li><a href=${link(["policies", id])} aria-current=${id === shown?.id ? "true" : undefined}>${title}</a></li>`,
        )}
      </ul>
    </nav>
    <p class="fine">
      Version ${settings.version} of the tenant's settings${settings.since && html`, in force since <${Moment} at=${settings.since} />`}.
    </p>
    ${shown
      ? html`<${Document} key=${shown.id} document=${shown} />`
      : html`<p class="notice bad" role="alert">There is no such document. Choose one of those above.</p>`}
  `;
}

function Document({ document }) {
  const { id, title, tsc, markdown, svg } = document;
  const kept = () => save(new Blob([markdown], { type: "text/markdown" }), `${id}.md`);
  return html`
    <article class="card document" aria-labelledby="document-title">
      <div class="head">
        <h2 id="document-title">${title}</h2>
        <div class="buttons"><button type="button" onClick=${kept}>Save as Markdown</button></div>
      </div>
      ${tsc.length > 0 && html`<p class="fine">Trust services criteria: ${tsc.join(", ")}</p>`}
      ${svg && html`<img class="drawing" src=${drawn(svg)} alt=${`${title}, as a diagram. The same in words stands below.`} />`}
      <${Written} markdown=${markdown} />
    </article>
  `;
}

/** As a picture a drawing runs no script and loads nothing, whatever it holds. */
const drawn = (svg) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
