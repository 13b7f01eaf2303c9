// Fields that a new connection and one that is changed have in common.
import { html } from "../core/library.js";
import { Field } from "./form.js";

const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];
const NAME = "algorithm:";

export const Algorithms = ({ chosen }) => html`
  <fieldset class="choices">
    <legend>Signatures that count</legend>
    <p class="hint">Which ones the provider signs its ID tokens with. Most use RS256.</p>
    ${ALGORITHMS.map(
      (one) => html`
        <label class="choice" key=${one}>
          <input type="checkbox" name=${NAME + one} defaultChecked=${chosen.includes(one)} />
          <span>${one}</span>
        </label>
      `,
    )}
  </fieldset>
`;

/** Algorithms in the order in which they are offered. */
export const inOrder = (some) => ALGORITHMS.filter((one) => some.includes(one));

/** What `Algorithms` holds in the values of its form. */
export const algorithmsOf = (values) => ALGORITHMS.filter((one) => values[NAME + one]);

export const Secret = ({ hint }) => html`
  <${Field} name="client_secret" label="Client secret" kind="password" hint=${hint} autocomplete="new-password" maxlength="512" />
`;
