// What a page reads: shown while it comes, when it is there, and when it could not be had.
import { html, useCallback, useEffect, useState } from "../core/library.js";
import { get } from "../core/api.js";

/**
 * Reads `path` with `query` now and whenever they change. Gives `{data, fault, busy, reload}`; `data` stays while the same
 * is read again, and is never that of another path or query. A null path reads nothing.
 */
export function useRead(path, query = {}) {
  const key = JSON.stringify([path, query]);
  const [state, setState] = useState({ ...NOTHING, key });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return setState({ ...NOTHING, key, busy: false });
    const stop = new AbortController();
    setState((now) => ({ key, data: now.key === key ? now.data : null, fault: null, busy: true }));
    get(path, query, stop.signal).then(
      (data) => stop.signal.aborted || setState({ key, data, fault: null, busy: false }),
      (fault) => stop.signal.aborted || setState((now) => ({ ...now, fault, busy: false })),
    );
    return () => stop.abort();
  }, [key, turn]);
  const current = state.key === key ? state : NOTHING;
  return { ...current, reload: useCallback(() => setTurn((count) => count + 1), []) };
}

const NOTHING = { data: null, fault: null, busy: true };

/** `read` is what `useRead` gave; the child is a function of its data. */
export function Loaded({ read, what, children }) {
  if (read.fault) return html`<${Failed} fault=${read.fault} again=${read.reload} />`;
  if (read.data === null) return html`<${Loading} what=${what} />`;
  return html`<div aria-busy=${read.busy ? "true" : undefined}>${children(read.data)}</div>`;
}

export const Loading = ({ what }) => html`<p class="loading" role="status">Loading ${what} …</p>`;

/** `again` repeats what failed; what is not there is not there the next time either. */
export function Failed({ fault, again, word = "Try again" }) {
  return html`
    <div class="notice bad" role="alert">
      <strong>${fault.title || "Something went wrong"}</strong>
      <p>${fault.message}</p>
      ${(fault.errors || []).map((each) => html`<p><code>${each.pointer}</code> ${each.detail}</p>`)}
      ${fault.requestId && html`<p class="fine">Request ${fault.requestId}</p>`}
      ${again && fault.status !== 404 && html`<button type="button" onClick=${again}>${word}</button>`}
    </div>
  `;
}
