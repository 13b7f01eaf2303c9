// Sign-ins by country, most of them first: solid what succeeded, hatched what failed.
import { html } from "../core/library.js";
import { country, number } from "../core/format.js";
import { hatch, Picture } from "./frame.js";

const ROW = 26;
const LETTER = 7; // pixels that a letter takes at most
const SHOWN = 10;
const SIGN_INS = { AUTH_LOGIN_SUCCESS: "succeeded", AUTH_LOGIN_FAILED: "failed" };

/** Gives `{name, succeeded, failed}` for each country that `rows` name. */
function countriesOf(rows) {
  const found = new Map();
  for (const row of rows) {
    const kind = SIGN_INS[row.action];
    if (!kind) continue;
    const name = country(row.country);
    const entry = found.get(name) || { name, succeeded: 0, failed: 0 };
    entry[kind] += 1;
    found.set(name, entry);
  }
  return [...found.values()].sort((one, other) => total(other) - total(one) || one.name.localeCompare(other.name));
}

const total = ({ succeeded, failed }) => succeeded + failed;

export function Countries({ rows, of }) {
  const all = countriesOf(rows);
  if (!all.length) return null;
  const shown = all.slice(0, SHOWN);
  const most = Math.max(...shown.map(total));
  const left = LETTER * Math.max(...shown.map(({ name }) => cut(name).length)) + 8;
  const right = LETTER * Math.max(...shown.map((each) => said(each).length));
  const draw = (width) => {
    const long = (width - left - right) / most;
    return { height: shown.length * ROW + 4, shapes: (id) => shown.map((each, index) => bar(each, index, { id, left, long })) };
  };
  const rest = all.length > SHOWN ? ` ${number(all.length - SHOWN)} more are in the table.` : "";
  const words = `${of}. Solid: succeeded; hatched: failed. Most came from ${all[0].name}: ${number(total(all[0]))}.${rest}`;
  const table = {
    rows: all,
    id: ({ name }) => name,
    columns: [
      { head: "Country", cell: ({ name }) => name },
      { head: "Succeeded", cell: ({ succeeded }) => number(succeeded), numeric: true },
      { head: "Failed", cell: ({ failed }) => number(failed), numeric: true },
    ],
  };
  return html`<${Picture} title="Sign-ins by country" words=${words} draw=${draw} table=${table} />`;
}

const cut = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
const said = ({ succeeded, failed }) => `${number(succeeded)}${failed ? ` + ${number(failed)} failed` : ""}`;

function bar(each, index, { id, left, long }) {
  const y = index * ROW + 4;
  const solid = long * each.succeeded;
  const edge = long * each.failed;
  return html`
    <text x=${left - 8} y=${y + 14} text-anchor="end">${cut(each.name)}</text>
    <rect class="solid" x=${left} y=${y} width=${solid} height=${ROW - 8} />
    ${edge > 0 && html`<rect class="edge" fill=${hatch(id)} x=${left + solid} y=${y} width=${edge} height=${ROW - 8} />`}
    <text x=${left + solid + edge + 6} y=${y + 14}>${said(each)}</text>
  `;
}
