// What the API says of something that goes on, read again and again until it has ended. A tab that nobody sees asks nothing.
import { html, useEffect } from "../core/library.js";
import { useRead } from "./loaded.js";

const EVERY_MS = 2000;

/** As `useRead`, and again two seconds behind each answer for which `goesOn(data)` holds. */
export function usePolled(path, goesOn) {
  const read = useRead(path);
  const { data, busy, fault, reload } = read;
  const waits = !busy && !fault && data !== null && goesOn(data);
  useEffect(() => {
    if (!waits) return undefined;
    let timer = null;
    const watch = () => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(reload, EVERY_MS);
    };
    watch();
    document.addEventListener("visibilitychange", watch);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", watch);
    };
  }, [waits, data]);
  return read;
}

/** `done` of `total`; a total of nothing is a step that does not say how far it is. */
export const Portion = ({ done, total, label }) =>
  total > 0 ? html`<progress max=${total} value=${done} aria-label=${label}></progress>` : html`<progress aria-label=${label}></progress>`;
