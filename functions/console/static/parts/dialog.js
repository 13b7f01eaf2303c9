// A dialog over the page. The element is the browser's own: it keeps the focus inside, and Escape closes it.
import { html, newId, useEffect, useRef } from "../core/library.js";

let touched = null; // what had the focus last: a button that is busy is disabled, and the browser takes the focus from it
document.addEventListener("focusin", ({ target }) => (touched = target));

const isNobodys = () => !document.activeElement || document.activeElement === document.body;

const focused = () => (isNobodys() && touched?.disabled ? touched : document.activeElement);

/** Gives the focus back to `element`; to a button that is still busy as soon as it no longer is, unless it went elsewhere. */
function refocus(element) {
  if (!element?.isConnected) return;
  element.focus();
  if (!element.disabled) return;
  const watch = new MutationObserver(() => {
    if (element.disabled) return;
    watch.disconnect();
    if (isNobodys()) element.focus();
  });
  watch.observe(element, { attributes: true, attributeFilter: ["disabled"] });
}

/**
 * Open while it is drawn. `onClose` is called for Escape and for the button; a dialog without one cannot be left.
 * `kind` "panel" stands at the side of the window.
 */
export function Dialog({ title, onClose, children, kind = "" }) {
  const element = useRef(null);
  const id = useRef(null);
  id.current ??= newId("dialog");
  useEffect(() => {
    const before = focused();
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close(); // until then everything outside is inert, and takes no focus
      refocus(before);
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
