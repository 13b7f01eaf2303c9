// The same document as a file: CSV for a spreadsheet, JSON for a program.
import { html } from "../core/library.js";
import { download } from "../core/download.js";
import { Act } from "./form.js";

/** `name` is that of the file, without its ending. */
export const Exports = ({ path, query = {}, name }) => html`
  <div class="buttons">
    ${["csv", "json"].map(
      (format) => html`
        <${Act} key=${format} act=${() => download(path, { ...query, format }, `${name}.${format}`)} label=${`Save as ${format.toUpperCase()}: ${name}`}>
          Save as ${format.toUpperCase()}
        <//>
      `,
    )}
  </div>
`;
