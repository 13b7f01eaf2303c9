// The dialogs of the acts on a person. Each says what will happen, and takes the reason where the API keeps one.
import { html } from "../core/library.js";
import { announce } from "../core/announce.js";
import { patch, post } from "../core/api.js";
import { covers, givable } from "../core/roles.js";
import { Dialog } from "./dialog.js";
import { Field, Form, useField } from "./form.js";
import { nameOf } from "./staff_badges.js";

const at = (person, act) => `/api/staff/${encodeURIComponent(person.staff_id)}/${act}`;

export const Reason = ({ hint = "Kept as evidence. The person is not told it." }) => html`
  <${Field} name="reason" label="Reason" kind="textarea" hint=${hint} maxlength="500" required autofocus />
`;

/** One act with a reason: `says` what will happen, `path` where it goes, `said` what is announced afterwards. */
const withReason = ({ title, says, submit, path, said, tone }) =>
  function Asked({ person, close, done }) {
    const name = nameOf(person);
    const send = ({ reason }) => post(at(person, path), { reason });
    const onDone = () => finished(said(name), close, done);
    return html`
      <${Dialog} title=${title(name)} onClose=${close}>
        <ul>
          ${says(person).map((line) => html`<li>${line}</li>`)}
        </ul>
        <${Form} send=${send} onDone=${onDone} submit=${submit} cancel=${close} tone=${tone}><${Reason} /><//>
      <//>
    `;
  };

function finished(text, close, done) {
  close();
  announce(text);
  done();
}

const Logout = withReason({
  title: (name) => `Sign ${name} out everywhere`,
  says: () => ["All sessions end at once, on every device.", "The person gets a mail, and can sign in again."],
  submit: "Sign out everywhere",
  path: "logout",
  said: (name) => `${name} is signed out everywhere.`,
});

const ResetFactors = withReason({
  title: (name) => `Reset the factors of ${name}`,
  says: (person) => [
    "The authenticator app, all passkeys and all recovery codes are taken away. This cannot be undone.",
    "All sessions end at once, and the person gets a mail.",
    ["owner", "admin"].includes(person.role)
      ? "After the next sign-in this administrator is served nothing but the enrolment of a new factor."
      : "Until a new factor is enrolled, the password alone signs in. Be sure that it is the person who asks you.",
  ],
  submit: "Reset the factors",
  path: "factors/reset",
  said: (name) => `${name} has no second factor any more.`,
  tone: "danger",
});

const Deactivate = withReason({
  title: (name) => `Deactivate ${name}`,
  says: () => [
    "All sessions end at once, and so do impersonations of either side.",
    "Signing in is refused from now on. Open invites that this person made count no more.",
    "Nothing is deleted: somebody with the rights can reactivate the account.",
  ],
  submit: "Deactivate",
  path: "deactivate",
  said: (name) => `${name} is deactivated; all sessions have ended.`,
  tone: "danger",
});

const Reactivate = withReason({
  title: (name) => `Reactivate ${name}`,
  says: (person) => [
    `The person can sign in again, as ${person.role}, with the same password and factors.`,
    "None of the old sessions comes back. The person gets a mail.",
  ],
  submit: "Reactivate",
  path: "reactivate",
  said: (name) => `${name} is active again.`,
});

function ChangeRole({ person, me, close, done }) {
  const name = nameOf(person);
  const [role, roleField] = useField(person.role);
  const send = () => patch(at(person, "role"), { role });
  const onDone = () => finished(`${name} is ${role} now.`, close, done);
  return html`
    <${Dialog} title=${`Change the role of ${name}`} onClose=${close}>
      <p>${name} is ${person.role} now.</p>
      <${Form} send=${send} onDone=${onDone} submit="Change the role" cancel=${close}>
        <${Field} name="role" label="New role" kind="select" options=${givable(me.role)} ...${roleField} autofocus />
        <p class="fine" role="status">${effectOf(person, role)}</p>
      <//>
    <//>
  `;
}

const administers = (role) => ["owner", "admin"].includes(role);

/** What the change does to the sessions: as `shared/edge/measure.py` decides. */
function effectOf(person, role) {
  if (role === person.role) return "Nothing changes.";
  const left = !covers(role, person.role) || (administers(role) && !administers(person.role));
  const factor = administers(role) && !person.factors.totp && !person.factors.passkeys;
  return [
    left
      ? "All sessions end at once; the new role counts from the next sign-in."
      : "The new role counts at once, in the sessions that live.",
    factor && "The person has no second factor, and is served nothing but the enrolment of one.",
    "The person gets a mail.",
  ]
    .filter(Boolean)
    .join(" ");
}

/** `person` may also be somebody invited who never came: `{staff_id, email}`. */
export function Erase({ person, close, done }) {
  const name = nameOf(person);
  const send = async ({ reason, confirmation }) => {
    if (confirmation.trim().toLowerCase() !== person.email.toLowerCase()) throw MISTYPED;
    return post(at(person, "erase"), { reason });
  };
  const onDone = () => finished(`${name} is erased.`, close, done);
  return html`
    <${Dialog} title=${`Erase ${name}`} onClose=${close}>
      <ul>
        <li>Name, e-mail address, password, factors and sessions are deleted.</li>
        <li>The keys that open this person's data in the log are destroyed. The entries stay, with an id, a network and a country.</li>
        <li>
          <strong>Nobody can undo this.</strong> Bundles, files and mails of before still tell who it was, and the tables' own backups do for 35 days.
        </li>
      </ul>
      <${Form} send=${send} onDone=${onDone} submit="Erase for good" cancel=${close} tone="danger">
        <${Reason} hint="Kept as evidence. Do not name the person in it." />
        <${Field}
          name="confirmation"
          label=${`To confirm, type ${person.email}`}
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          required
        />
      <//>
    <//>
  `;
}

const MISTYPED = {
  title: "Nothing was erased",
  message: "The address that you typed is not this person's.",
  errors: [{ pointer: "/confirmation", detail: "Type the address exactly as it stands above." }],
};

export const DIALOGS = {
  logout: Logout,
  role: ChangeRole,
  factors: ResetFactors,
  deactivate: Deactivate,
  reactivate: Reactivate,
  erase: Erase,
};
