// A score of 100 as a small bar; the number stands beside it.
import { html } from "../core/library.js";

export const Score = ({ score }) => html`
  <svg class="score" width="64" height="10" viewBox="0 0 64 10" aria-hidden="true">
    <rect class="solid" x="0" y="1" width=${(64 * score) / 100} height="8" />
    <rect class="frame" x="0.5" y="0.5" width="63" height="9" />
  </svg>
`;
