// Whoever acts in another person's name sees it on every page, with the time that is left and the button that ends it.
import { html, useEffect, useState } from "../core/library.js";
import { remove } from "../core/api.js";
import { duration } from "../core/format.js";
import { ended } from "../core/impersonation.js";
import { session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { Act } from "./form.js";

const SOON_S = 120; // from here on a screen reader is told
const SOON = "The impersonation ends in less than two minutes.";
const READING = "Read mode: you look, and change nothing.";
const WRITING = "Write mode: you may change things, in this person's name.";

export function ImpersonationBanner() {
  const { acting } = useSignal(session);
  if (!acting) return null;
  return html`<${Banner} key=${acting.impersonation.impersonation_id} acting=${acting} />`;
}

function Banner({ acting }) {
  const left = useSecondsLeft(acting.until);
  const over = left === 0;
  useEffect(() => {
    if (over) ended("expired", acting);
  }, [over]);
  return html`
    <div class="acting" role="region" aria-label="Impersonation">
      <p role="alert">
        <strong>You act as ${whole(acting.target)}.</strong>${" "}<span>You are ${whole(acting.own.staff)}.</span>
        ${" "}<span>${acting.impersonation.mode === "read" ? READING : WRITING}</span>
      </p>
      <p class="left">
        <span role="timer"><span class="figures">${duration(left)}</span> left</span>
        <span class="unseen" role="status">${left <= SOON_S && !over ? SOON : ""}</span>
      </p>
      <${Act} act=${() => end(acting)}>End impersonation<//>
    </div>
  `;
}

/** With the address: two people may have one name. */
const whole = ({ name, email, staff_id: id }) => (name && email ? `${name} (${email})` : name || email || id);

/** By the clock of the browser from the beginning on, so that a clock that is wrong does no harm. */
function useSecondsLeft(until) {
  const secondsLeft = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const [left, setLeft] = useState(secondsLeft);
  useEffect(() => {
    const tick = setInterval(() => setLeft(secondsLeft()), 1000);
    return () => clearInterval(tick);
  }, [until]);
  return left;
}

async function end(acting) {
  await remove("/api/impersonation");
  ended("ended", acting);
}
