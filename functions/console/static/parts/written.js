// The texts of the policies as elements. The API writes a small part of Markdown, and exactly that is read here: headings,
// paragraphs, points, tables, code and strong words. Whatever else there were would stay text.
import { html } from "../core/library.js";

const PIECES = /(`[^`]+`|\*\*[^*]+\*\*)/;

/** `level` is that of the document's own title, which is left out: the page has said it. */
export function Written({ markdown, level = 2 }) {
  return html`<div class="written">${blocksOf(markdown).map((block) => html`<${Block} block=${block} level=${level} />`)}</div>`;
}

/** A fence of code keeps its empty lines; every other block ends at one. */
function blocksOf(markdown) {
  const blocks = [];
  for (const [index, part] of markdown.split(/^```.*$/m).entries()) {
    if (index % 2) blocks.push({ fence: part.trim() });
    else blocks.push(...part.split(/\n{2,}/).map((text) => ({ lines: text.trim().split("\n") })));
  }
  return blocks.filter(({ fence, lines }) => fence || (lines && lines[0]));
}

function Block({ block, level }) {
  if (block.fence) return null; // Mermaid: the drawing stands beside it, and the same in words below
  const { lines } = block;
  const heading = /^(#+) (.*)$/.exec(lines[0]);
  if (heading) return html`<${Heading} level=${level + heading[1].length - 1} text=${heading[2]} top=${heading[1].length === 1} />`;
  if (lines[0].startsWith("| ")) return html`<${Rows} lines=${lines} />`;
  if (lines[0].startsWith("- ")) return html`<ul>${lines.map((line) => html`<li>${inline(line.slice(2))}</li>`)}</ul>`;
  return html`<p>${inline(lines.join(" "))}</p>`;
}

function Heading({ level, text, top }) {
  if (top) return null;
  return level === 3 ? html`<h3>${inline(text)}</h3>` : html`<h4>${inline(text)}</h4>`;
}

const cellsOf = (line) => line.replace(/^\| ?| ?\|$/g, "").split(" | ").map((cell) => cell.trim());

function Rows({ lines }) {
  const [head, , ...rows] = lines.map(cellsOf);
  return html`
    <div class="wide" role="region" tabindex="0" aria-label=${`Table: ${head.join(", ")}`}>
      <table>
        <thead>
          <tr>${head.map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map(
            ([first, ...others]) => html`
              <tr>
                <th scope="row" data-head=${head[0]}>${inline(first)}</th>
                ${others.map((cell, index) => html`<td data-head=${head[index + 1]}>${inline(cell)}</td>`)}
              </tr>
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}

export const inline = (text) =>
  text.split(PIECES).map((piece) => {
    if (piece.startsWith("`")) return html`<code>${piece.slice(1, -1)}</code>`;
    if (piece.startsWith("**")) return html`<strong>${piece.slice(2, -2)}</strong>`;
    return piece;
  });
