// The time that is left for something, second by second.
import { html, useEffect, useState } from "../core/library.js";
import { duration } from "../core/format.js";

/** `onOver` is called once, when the time is over. */
export function CountDown({ until, onOver }) {
  const [now, setNow] = useState(Date.now());
  const left = Math.max(0, Math.ceil((new Date(until) - now) / 1000));
  useEffect(() => {
    const tick = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(tick);
  }, []);
  useEffect(() => {
    if (left === 0) onOver?.();
  }, [left === 0]);
  return html`<span class="figures" role="timer">${left ? duration(left) : "0 s"}</span>`;
}
