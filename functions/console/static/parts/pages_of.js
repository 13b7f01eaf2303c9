// Long lists, page after page: what the API gives behind each `next_cursor` is added to what is shown.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { get } from "../core/api.js";
import { Unreadable } from "../core/problem.js";
import { Failed, Loading } from "./loaded.js";

/**
 * Reads the pages of `path`; `rowsOf` takes the rows out of an answer. Gives `{rows, last, fault, busy, more, all, reload}`:
 * `last` is the newest answer, `more()` reads the next page, `all` whether there is none.
 */
export function usePages(path, query, rowsOf) {
  const [state, setState] = useState(EMPTY);
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([path, query, turn]);
  const asked = useRef(null); // what ends the reading of these rows: a page of other rows is not added to them
  useEffect(() => {
    if (path === null) return setState({ ...EMPTY, busy: false });
    const stop = (asked.current = new AbortController());
    setState(EMPTY);
    read(stop.signal, []);
    return () => stop.abort();
  }, [key]);
  const read = (signal, rows, cursor) =>
    get(path, { ...query, cursor }, signal).then(foundIn(rowsOf)).then(
      ([answer, found]) => signal.aborted || setState({ rows: [...rows, ...found], last: answer, fault: null, busy: false }),
      (fault) => signal.aborted || setState((now) => ({ ...now, fault, busy: false })),
    );
  const cursor = state.last?.next_cursor;
  return {
    ...state,
    all: Boolean(state.last) && !cursor,
    more: () => {
      setState((now) => ({ ...now, busy: true, fault: null }));
      return read(asked.current.signal, state.rows, cursor);
    },
    reload: () => setTurn((count) => count + 1),
  };
}

const foundIn = (rowsOf) => (answer) => {
  const found = answer && rowsOf(answer);
  if (!Array.isArray(found)) throw new Unreadable();
  return [answer, found];
};

const EMPTY = { rows: [], last: null, fault: null, busy: true };

/** What stands below a list: how much there is, and the button for more. */
export function More({ pages, what, total }) {
  if (pages.fault) return html`<${Failed} fault=${pages.fault} again=${pages.last ? pages.more : pages.reload} />`;
  if (pages.busy) return html`<${Loading} what=${what} />`;
  const count = `${pages.rows.length}${total === undefined ? "" : ` of ${total}`}`;
  return html`
    <p class="more">
      <span>${count} ${what}</span>
      ${!pages.all && html`<button type="button" onClick=${pages.more}>Show more</button>`}
    </p>
  `;
}
