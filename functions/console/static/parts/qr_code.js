// A text as a QR code, drawn as one path: dark on light whatever the theme, since cameras expect it.
import { html, useMemo } from "../core/library.js";
import { encode } from "../vendor/uqr.js";

export function QrCode({ text, label }) {
  const { size, path } = useMemo(() => drawn(text), [text]);
  return html`
    <svg class="qr" viewBox=${`0 0 ${size} ${size}`} role="img" aria-label=${label} shape-rendering="crispEdges">
      <rect width=${size} height=${size} fill="#fff" />
      <path d=${path} fill="#000" />
    </svg>
  `;
}

function drawn(text) {
  const { size, data } = encode(text, { ecc: "M", border: 4 });
  const dark = data.flatMap((row, y) => row.map((set, x) => (set ? `M${x} ${y}h1v1h-1z` : "")));
  return { size, path: dark.join("") };
}
