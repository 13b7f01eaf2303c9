// What the API says of something that goes on, read again and again until it has ended. A tab that nobody sees asks nothing.
import { html, useEffect, useRef } from "../core/library.js";
import { useRead } from "./loaded.js";

const EVERY_MS = 2000;
const SELDOM_MS = 30_000;
const FINAL = [401, 403, 404, 410]; // what is no different in a moment

/**
 * As `useRead`, and again two seconds behind each answer for which `goesOn(data)` holds. A reading that fails is made again
 * too, later each time: then `fault` stays until there is an answer, and `follows` says that somebody need not ask himself.
 */
export function usePolled(path, goesOn) {
  const read = useRead(path);
  const { data, busy, fault, reload } = read;
  const failed = useRef({ fault: null, times: 0 });
  if (!busy && fault !== failed.current.fault) failed.current = { fault, times: fault ? failed.current.times + 1 : 0 };
  const last = failed.current;
  const follows = data !== null && goesOn(data) && !FINAL.includes(last.fault?.status);
  const waits = !busy && follows;
  useEffect(() => {
    if (!waits) return undefined;
    let timer = null;
    const wait = Math.min(EVERY_MS * 2 ** last.times, SELDOM_MS);
    const watch = () => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(reload, wait);
    };
    watch();
    document.addEventListener("visibilitychange", watch);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", watch);
    };
  }, [waits, data]);
  return { ...read, fault: last.fault, follows };
}

/** `done` of `total`; a total of nothing is a step that does not say how far it is. */
export const Portion = ({ done, total, label }) =>
  total > 0 ? html`<progress max=${total} value=${done} aria-label=${label}></progress>` : html`<progress aria-label=${label}></progress>`;
