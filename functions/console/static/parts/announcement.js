// The line at the foot of the window that says what has just been done.
import { html, useEffect } from "../core/library.js";
import { announcement } from "../core/announce.js";
import { useSignal } from "../core/signal.js";

const SHOWN_MS = 8000;

export function Announcement() {
  const said = useSignal(announcement);
  useEffect(() => {
    if (!said) return undefined;
    const end = setTimeout(() => announcement.set(null), SHOWN_MS);
    return () => clearTimeout(end);
  }, [said]);
  return html`
    <div class="announcement" role="status" aria-live="polite">
      ${said && html`<p class=${said.tone}>${said.text}</p>`}
    </div>
  `;
}
