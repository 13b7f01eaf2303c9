// The form by which an administrator begins to act in another person's name.
import { html } from "../core/library.js";
import { replace } from "../core/address.js";
import { post } from "../core/api.js";
import { outranks } from "../core/roles.js";
import { actAs } from "../core/session.js";
import { Dialog } from "./dialog.js";
import { Field, Form, useField } from "./form.js";
import { Failed, Loaded, Loading, useRead } from "./loaded.js";
import { PersonChoice } from "./people.js";
import { nameOf } from "./staff_badges.js";

const USUAL_MINUTES = 30;

export function BeginImpersonation({ me, people, target, close }) {
  const read = useRead("/api/settings/security");
  return html`
    <${Dialog} title="Act in another person's name" onClose=${close}>
      <${Loaded} read=${read} what="what the tenant allows">
        ${({ settings }) => html`<${Begin} me=${me} people=${people} target=${target} settings=${settings} close=${close} />`}
      <//>
    <//>
  `;
}

function Begin({ me, people, target, settings, close }) {
  const [mode, modeField] = useField("read");
  const allowed = settings.impersonation.value;
  if (allowed === "off") return html`<p>It is switched off for this tenant, in the <a href="#/settings">security settings</a>.</p>`;
  if (people.fault) return html`<${Failed} fault=${people.fault} />`;
  if (!people.people) return html`<${Loading} what="the people" />`;
  const most = settings.impersonation_minutes.value;
  const send = (values) => begin(values, people.people);
  const write = allowed === "write" && me.permissions.includes("IMPERSONATE_WRITE");
  return html`
    <p>
      This tab acts as the person until you end it, or the time is over; your other tabs stay your own.
      ${" "}${NOTICES[settings.impersonation_notice.value]}
    </p>
    <${Form} send=${send} submit="Act as this person" tone="danger" cancel=${close}>
      <${PersonChoice}
        name="target_id"
        legend="Whose name"
        read=${people}
        fit=${(person) => person.status === "ACTIVE" && outranks(me.role, person.role)}
        first=${target}
        empty="There is nobody in whose name you may act: people with fewer rights than you have."
      />
      <${Field}
        name="reason"
        label="Reason"
        kind="textarea"
        hint="Kept as evidence, and told to the person."
        maxlength="500"
        required
      />
      <div class="inline">
        <${Field} name="ticket" label="Ticket (not required)" maxlength="100" autocomplete="off" />
        <${Field}
          name="minutes"
          label="Minutes"
          kind="number"
          min="1"
          max=${most}
          value=${Math.min(USUAL_MINUTES, most)}
          required
        />
        ${write &&
        html`<${Field} name="mode" label="Mode" kind="select" options=${MODES} ...${modeField} />`}
      </div>
      <p class="fine" role="status">${mode === "write" ? WRITING : READING}</p>
    <//>
  `;
}

const MODES = [
  ["read", "read: change nothing"],
  ["write", "write: act for the person"],
];
const READING = "In read mode nothing can be changed, here or in any program that trusts Muniment.";
const WRITING =
  "In write mode programs that trust Muniment take what you do as done by the person, with your name beside it. Muniment's own settings stay closed.";
const NOTICES = {
  start: "The person gets a mail when you begin.",
  end: "The person gets a mail when it ends.",
  never: "The tenant's settings say that the person gets no mail of it.",
};

async function begin(values, people) {
  const answer = await post("/api/impersonation", asked(values));
  const person = people.find((one) => one.staff_id === values.target_id);
  await actAs(answer, { staff_id: values.target_id, name: person && nameOf(person) });
  replace(["acting"]);
}

function asked({ target_id, reason, ticket, minutes, mode }) {
  const body = { target_id, reason, minutes: Number(minutes), mode: mode || "read" };
  return ticket.trim() ? { ...body, ticket: ticket.trim() } : body;
}
