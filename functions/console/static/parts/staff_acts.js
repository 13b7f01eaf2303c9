// What an administrator may do to a person: each act says what will happen, and is asked for once more in a dialog.
import { html, useState } from "../core/library.js";
import { link } from "../core/address.js";
import { covers, outranks } from "../core/roles.js";
import { Card } from "./page.js";
import { DIALOGS } from "./staff_dialogs.js";
import { nameOf } from "./staff_badges.js";

/** `reload` reads the person again; `held` are the legal holds that keep the person. */
export function StaffActs({ person, me, held, reload }) {
  const [open, setOpen] = useState(null);
  const barred = whyNot(person, me);
  if (barred === NOTHING) return null;
  const Dialog = open && DIALOGS[open];
  return html`
    <${Card} title="What you can do">
      ${barred ? html`<p>${barred}</p>` : html`<${Acts} person=${person} me=${me} held=${held} open=${setOpen} />`}
    <//>
    ${Dialog && html`<${Dialog} person=${person} me=${me} close=${() => setOpen(null)} done=${reload} />`}
  `;
}

const NOTHING = "";

/** Why nothing is offered: NOTHING for who may never act on anybody, null where something is. */
function whyNot(person, me) {
  if (me.impersonation || !me.permissions.includes("STAFF_MANAGE")) return NOTHING;
  if (person.staff_id === me.staff.staff_id) return html`<${You} />`;
  if (!covers(me.role, person.role)) return "An owner can be changed by owners alone.";
  return null;
}

const You = () => html`This is you. See <a href="#/account">your account</a>; the rest is for another administrator.`;

function Acts({ person, me, held, open }) {
  const name = nameOf(person);
  return html`
    <ul class="acts">
      ${offered(person, me, held).map(
        ({ act, says, button, tone, href, barred }) => html`
          <li key=${act}>
            <p>${says(name)}${barred && html`<span class="below">${barred}</span>`}</p>
            ${href
              ? html`<a class="button" href=${href}>${button}</a>`
              : html`
                  <button type="button" class=${tone || ""} disabled=${Boolean(barred)} onClick=${() => open(act)}>
                    ${button}\u00a0…
                  </button>
                `}
          </li>
        `,
      )}
    </ul>
  `;
}

/** What may be done to `person` as things are, the mildest first. */
function offered(person, me, held) {
  const active = person.status === "ACTIVE";
  const acts = active ? ["logout", "role", "factors", "deactivate"] : ["reactivate", "role"];
  const rows = acts.map((act) => ({ act, ...ACTS[act] }));
  if (active && me.permissions.includes("IMPERSONATE") && outranks(me.role, person.role)) {
    rows.unshift({ act: "impersonate", ...ACTS.impersonate, href: link(["impersonation"], { target: person.staff_id }) });
  }
  if (!active && me.permissions.includes("OWNERSHIP")) {
    rows.push({ act: "erase", ...ACTS.erase, barred: held.length > 0 && HELD });
  }
  return rows;
}

const HELD = "A legal hold keeps this person: nobody of its scope can be erased before its release.";

const ACTS = {
  impersonate: {
    says: (name) => `See what ${name} sees, for some minutes, in this tab. Both names stand in the log.`,
    button: "Act as this person",
  },
  logout: { says: (name) => `End every session of ${name} at once. Signing in again is possible.`, button: "Sign out everywhere" },
  role: { says: () => "Give another role. Rights that shrink end all sessions at once.", button: "Change the role" },
  factors: {
    says: () => "Take all second factors away, as after a lost telephone. All sessions end at once.",
    button: "Reset the factors",
  },
  deactivate: {
    says: (name) => `Take ${name} out: all sessions end at once, and signing in is refused until somebody reactivates the account.`,
    button: "Deactivate",
    tone: "danger",
  },
  reactivate: {
    says: (name) => `Let ${name} in again, with the same role and factors, and with none of the old sessions.`,
    button: "Reactivate",
  },
  erase: { says: (name) => `Erase what is held of ${name}. This cannot be undone.`, button: "Erase", tone: "danger" },
};
