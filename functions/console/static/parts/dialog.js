// A dialog over the page. The element is the browser's own: it keeps the focus inside, and Escape closes it.
import { html, newId, useEffect, useRef } from "../core/library.js";

/**
 * Open while it is drawn. `onClose` is called for Escape and for the button; a dialog without one cannot be left.
 * `kind` "panel" stands at the side of the window.
 */
export function Dialog({ title, onClose, children, kind = "" }) {
  const element = useRef(null);
  const id = useRef(null);
  id.current ??= newId("dialog");
  useEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close(); // until then everything outside is inert, and takes no focus
      if (before?.isConnected) before.focus();
    };
  }, []);
  const cancelled = (event) => {
    event.preventDefault();
    onClose?.();
  };
  // A browser closes on a second Escape whatever the page says: what must be answered is opened again. The event comes
  // late: of a dialog that is drawn no more it says nothing, and the one that took its place stays.
  const closed = () => {
    if (element.current) onClose ? onClose() : element.current.showModal();
  };
  return html`
    <dialog ref=${element} class=${kind} aria-labelledby=${id.current} onCancel=${cancelled} onClose=${closed}>
      <div class="head">
        <h2 id=${id.current}>${title}</h2>
        ${onClose && html`<button type="button" class="quiet" aria-label="Close" onClick=${onClose}>✕</button>`}
      </div>
      ${children}
    </dialog>
  `;
}
