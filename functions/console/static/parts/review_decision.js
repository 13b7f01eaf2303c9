// A reviewer decides about one person. What takes access away is carried out at once, and needs a fresh proof.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post } from "../core/api.js";
import { givable } from "../core/roles.js";
import { Access, Proofs } from "./access_line.js";
import { Dialog } from "./dialog.js";
import { Field, Form } from "./form.js";
import { Moment } from "./moment.js";
import { nameIn } from "./names.js";

const RESULTS = {
  kept: "The access is kept.",
  changed: "Done: the access is changed.",
  already_removed: "The person had lost this access already: nothing was changed.",
};

/** `onlyKeep`: the reviewer does not hold what the last owner holds, so that he can only say that it stays. */
export function ReviewDecision({ one, review, path, me, people, onlyKeep, close, reload }) {
  const [decision, setDecision] = useState("keep");
  const [now, setNow] = useState(null); // the role by now, where it is not that of the snapshot
  const role = now || one.role;
  const send = async (values) => {
    const body = { decision, reason: values.reason };
    if (decision === "modify") body.role = values.role;
    if (now) body.seen_role = now;
    try {
      return await post(`${path}/items/${encodeURIComponent(one.staff_id)}/decision`, body);
    } catch (fault) {
      if (fault.code !== "changed_since_snapshot") throw fault;
      setNow(fault.document.role);
      return null;
    }
  };
  const done = (made) => {
    if (!made) return;
    close();
    announce(RESULTS[made.result] || "Decided.");
    reload();
  };
  return html`
    <${Dialog} title=${`Decide about ${nameIn(people, one.staff_id)}`} onClose=${close}>
      <dl class="facts">
        <dt>Access</dt>
        <dd><${Access} one=${one} /></dd>
        <dt>Proofs</dt>
        <dd><${Proofs} one=${one} /></dd>
        <dt>Last seen</dt>
        <dd><${Moment} at=${one.last_seen} /></dd>
      </dl>
      ${now && html`<${ChangedSince} before=${one.role} now=${now} />`}
      <${Form} send=${send} onDone=${done} submit=${SUBMIT[decision]} tone=${decision === "keep" ? "" : "danger"} cancel=${close}>
        <${Answers} decision=${decision} choose=${setDecision} role=${role} scope=${review.scope} onlyKeep=${onlyKeep} />
        ${decision === "modify" && html`<${NewRole} me=${me} role=${role} />`}
        <${Field} name="reason" kind="textarea" label="Reason" hint="It is kept with the review, and sealed in the log." maxlength="500" required />
        <p class="fine">A decision stands: it is not changed within this review.</p>
      <//>
    <//>
  `;
}

const SUBMIT = { keep: "Keep the access", modify: "Change the role now", revoke: "Revoke the access now" };

const REVOKED = {
  everybody: "The person is deactivated and signed out at once.",
  administrators: "The person becomes a member at once, without any administrative access.",
};

function Answers({ decision, choose, role, scope, onlyKeep }) {
  const answers = [
    ["keep", "Keep", `The role ${role} stays.`],
    ["modify", "Change the role", "The person has the new role at once."],
    ["revoke", "Revoke", REVOKED[scope]],
  ];
  return html`
    <fieldset class="choices">
      <legend>Decision</legend>
      ${onlyKeep && html`<p class="hint">This is the last owner: the role can only be kept.</p>`}
      ${(onlyKeep ? answers.slice(0, 1) : answers).map(
        ([value, text, about]) => html`
          <label class="choice" key=${value}>
            <input type="radio" name="decision" value=${value} checked=${value === decision} onChange=${() => choose(value)} />
            <span>${text} <span class="below">${about}</span></span>
          </label>
        `,
      )}
    </fieldset>
  `;
}

// Nothing is chosen at first: a role should be given on purpose.
function NewRole({ me, role }) {
  const options = [["", "Choose a role"], ...givable(me.role).filter(([other]) => other !== role)];
  return html`<${Field} name="role" label="New role" kind="select" options=${options} required />`;
}

const ChangedSince = ({ before, now }) => html`
  <div class="notice warn" role="alert">
    <strong>The role has changed since the snapshot.</strong>
    <p>The snapshot shows ${before}, and the person is ${now} now. Nothing is decided yet: look again, then decide about the role ${now}.</p>
  </div>
`;
