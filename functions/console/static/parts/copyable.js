// A value that goes into another program: copied by a button, and printed whole.
import { html, newId, useRef, useState } from "../core/library.js";
import { announce } from "../core/announce.js";

/** `hint` says where it goes. */
export function Copyable({ label, value, hint }) {
  const [id] = useState(() => newId("copy"));
  const field = useRef(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      announce(`Copied: ${label}.`);
    } catch {
      // A browser may keep its clipboard to itself: what is marked is copied by hand.
      field.current.select();
      announce("The browser did not allow it. The text is marked: copy it by hand.", "bad");
    }
  };
  return html`
    <div class="field copyable">
      <label for=${id}>${label}</label>
      <div class="line">
        <input ref=${field} id=${id} class="figures" value=${value} readonly aria-describedby=${hint ? `${id}-hint` : undefined} />
        <button type="button" aria-label=${`Copy: ${label}`} onClick=${copy}>Copy</button>
      </div>
      <code class="on-paper">${value}</code>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  `;
}
