// Whoever acts in another person's name sees it on every page, with the time that is left and the button that ends it.
import { html, useEffect, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { remove } from "../core/api.js";
import { go } from "../core/address.js";
import { duration } from "../core/format.js";
import { actAsOneself, recognise, session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { Act } from "./form.js";

export function ImpersonationBanner() {
  const { acting } = useSignal(session);
  if (!acting) return null;
  return html`
    <div class="acting" role="region" aria-label="Impersonation">
      <p>
        <strong>You act as ${acting.target.name || acting.target.email}.</strong>
        ${" "}${acting.impersonation.mode === "read" ? "You can look, and change nothing." : "What you do is done in this person's name."}
        ${" "}Both of you stand in the log. <${TimeLeft} until=${acting.impersonation.expires_at} />
      </p>
      <${Act} act=${end}>End impersonation<//>
    </div>
  `;
}

function TimeLeft({ until }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const tick = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(tick);
  }, []);
  const left = Math.max(0, (new Date(until) - now) / 1000);
  useEffect(() => {
    if (left === 0) over();
  }, [left === 0]);
  return html`<span class="left" role="timer">${left ? `${duration(left)} left.` : "Over."}</span>`;
}

async function end() {
  await remove("/api/impersonation");
  await over();
}

async function over() {
  if (!session.get().acting) return;
  actAsOneself();
  await recognise();
  announce("The impersonation has ended: you act as yourself again.");
  go(["impersonation"]);
}
