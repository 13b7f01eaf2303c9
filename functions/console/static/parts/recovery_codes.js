// Recovery codes: how many are left, new ones in their place, and the one time that they are shown.
import { html, useState } from "../core/library.js";
import { post } from "../core/api.js";
import { save } from "../core/download.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Act, Form } from "./form.js";
import { Card } from "./page.js";

const FEW = 3;
const FILE = "muniment-recovery-codes.txt";

export function RecoveryCodes({ has, show }) {
  const [asking, setAsking] = useState(false);
  const left = has.recovery_codes_left;
  const replace = async () => {
    const answer = await post("/api/auth/factors/recovery-codes");
    setAsking(false);
    show(answer.recovery_codes);
  };
  return html`
    <${Card} title="Recovery codes" more=${html`<${Badge} tone=${left > FEW ? "good" : "warn"}>${left} left<//>`}>
      <p>
        Each of them proves once that it is you, when the phone is lost.
        ${left <= FEW && " Get new ones while you can prove yourself."}
      </p>
      <div class="buttons">
        <button type="button" class=${left ? "" : "main"} onClick=${() => setAsking(true)}>
          ${left ? "Replace them" : "Get recovery codes"}
        </button>
      </div>
      ${asking &&
      html`
        <${Dialog} title="Get new recovery codes?" onClose=${() => setAsking(false)}>
          <p>
            Ten new codes are shown once. ${left > 0 ? "The old ones stop working, and all" : "All"} your other sessions end at
            once.
          </p>
          <div class="buttons">
            <${Act} tone="main" act=${replace}>Get new codes<//>
            <button type="button" onClick=${() => setAsking(false)}>Cancel</button>
          </div>
        <//>
      `}
    <//>
  `;
}

/** A dialog that only its own button leaves: what it shows cannot be had again. */
export function ShownOnce({ codes, account, done }) {
  const [copied, setCopied] = useState(false);
  const [kept, setKept] = useState(false);
  const text = () => `Recovery codes of Muniment${account && ` for ${account}`}\nEach counts once.\n\n${codes.join("\n")}\n`;
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setCopied(true);
  };
  return html`
    <${Dialog} title="Your recovery codes">
      <p>Keep them where nobody else finds them, and not on the phone with the app. They are shown this once.</p>
      <ul class="codes">
        ${codes.map((code) => html`<li><code>${code}</code></li>`)}
      </ul>
      <div class="buttons">
        <${Act} act=${copy}>${copied ? "Copied" : "Copy"}<//>
        <button type="button" onClick=${() => save(new Blob([text()], { type: "text/plain" }), FILE)}>Save as a file</button>
        <button type="button" onClick=${() => window.print()}>Print</button>
      </div>
      <${Form} send=${async () => done()} submit="Done">
        <div class="field check">
          <label for="codes-kept">I have kept these codes</label>
          <input id="codes-kept" type="checkbox" checked=${kept} onChange=${(event) => setKept(event.target.checked)} required />
        </div>
      <//>
    <//>
  `;
}
