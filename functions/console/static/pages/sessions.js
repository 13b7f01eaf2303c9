import { html } from "../core/library.js";
import { Page } from "../parts/page.js";

export default function Placeholder({ title }) {
  return html`<${Page} title=${title} lead="In the making." />`;
}
