// The security settings: looked at by whoever may see them, changed together, and only after a summary of what changes.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { get, patch } from "../core/api.js";
import { duration } from "../core/format.js";
import { isOwn, session } from "../core/session.js";
import { Dialog } from "../parts/dialog.js";
import { FieldFaults, Form } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Card, Page } from "../parts/page.js";
import { bodyOf, changedBetween, changesOf, faultsOf, fieldsOf, valueIn } from "../parts/setting_draft.js";
import { SettingRow, Signals } from "../parts/setting_rows.js";
import { groupsOf, keyText, valueText } from "../parts/setting_text.js";

const PATH = "/api/settings/security";
const NONE = { draft: {}, faults: [], overtaken: null, reviewing: false };

// What was typed and not saved: kept in memory until the tab goes, so that whoever comes back to the page finds it.
let kept = { owner: "", draft: {} };
session.watch(({ phase }) => {
  if (phase === "out") kept = { owner: "", draft: {} };
});
const ownerOf = (me) => `${me.tenant.tenant} ${me.staff.staff_id}`;

export default function SecuritySettings({ title, me }) {
  const read = useRead(PATH);
  const may = me.permissions.includes("SETTINGS_SECURITY_MANAGE");
  const about = "How long people stay signed in, what a risky sign-in leads to, and what administrators may do.";
  const lead = may ? `${about} Nothing is saved before you have seen a summary.` : about;
  return html`
    <${Page} title=${title} lead=${lead}>
      <${Loaded} read=${read} what="the settings">${(data) => html`<${Settings} first=${data} may=${may} owner=${ownerOf(me)} />`}<//>
    <//>
  `;
}

function Settings({ first, may, owner }) {
  const [data, setData] = useState(first);
  const [state, setState] = useState(() => ({ ...NONE, draft: may && kept.owner === owner ? kept.draft : {} }));
  const [returned] = useState(() => changesOf(first, state.draft).length > 0);
  const form = useRef(null);
  const changes = changesOf(data, state.draft);
  useKeptDraft(may && owner, state.draft, changes.length > 0);
  const edit = may ? editing(data, state, setState) : null;
  const review = (event) => {
    event.preventDefault();
    const faults = faultsOf(data, changes);
    setState({ ...state, faults, reviewing: !faults.length && changes.length > 0 });
    if (faults.length) toFirstFault(form.current);
  };
  const close = () => setState({ ...state, reviewing: false });
  const saved = (answer) => {
    setData(answer);
    setState(NONE);
    announce("The settings are saved.");
  };
  const refused = (now) => {
    if (now.data) setData(now.data);
    setState({ ...state, ...now.state, reviewing: false });
    if (now.state.faults) toFirstFault(form.current);
  };
  return html`
    <form ref=${form} onSubmit=${review} novalidate>
      ${state.overtaken && html`<${Overtaken} changes=${state.overtaken} />`}
      ${returned && changes.length > 0 && html`<p class="notice" role="status">${RETURNED}</p>`}
      <${FieldFaults} value=${state.faults}><${Groups} data=${data} edit=${edit} setState=${setState} /><//>
      ${edit && changes.length > 0 && html`<${Bar} count=${changes.length} faults=${state.faults.length} discard=${() => setState(NONE)} />`}
    </form>
    ${state.reviewing && html`<${Review} data=${data} changes=${changes} saved=${saved} refused=${refused} close=${close} />`}
  `;
}

const RETURNED = "You have changes here that are not saved, from when you were last on this page. Save or discard them below.";

/** Within the console a draft waits for its page; what leaves the console takes it away, so the browser asks. */
function useKeptDraft(owner, draft, unsaved) {
  useEffect(() => {
    if (owner) kept = { owner, draft };
    if (!unsaved) return undefined;
    const ask = (event) => isOwn() && event.preventDefault(); // nobody keeps the page of another person by it
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [owner, draft, unsaved]);
}

const editing = (data, { draft }, setState) => {
  const changed = new Set(changesOf(data, draft).map(({ key }) => key));
  const without = (now, key) => ({
    ...now,
    draft: Object.fromEntries(Object.entries(now.draft).filter(([name]) => name !== key)),
    faults: now.faults.filter(({ pointer }) => pointer !== `/${key}`),
  });
  return {
    fields: (key) => draft[key] || fieldsOf(data, key),
    changed: (key) => changed.has(key),
    undo: (key) => setState((now) => without(now, key)),
    type: (key, fields) =>
      setState((now) => {
        const rest = without(now, key);
        return { ...rest, draft: { ...rest.draft, [key]: fields } };
      }),
  };
};

// After the next drawing, when the field says that it is wrong.
const toFirstFault = (form) => setTimeout(() => form?.querySelector("[aria-invalid=true]")?.focus());

function Groups({ data, edit, setState }) {
  const strict = data.presets?.strict;
  const takeStrict = () => {
    const typed = Object.entries(strict).map(([name, value]) => [name, { text: String(value), unit: "1" }]);
    setState((now) => ({ ...now, draft: { ...now.draft, ...Object.fromEntries(typed) } }));
  };
  return html`
    ${groupsOf(data.settings).map(
      ([title, about, names]) => html`
        <${Card} key=${title} title=${title}>
          ${about && html`<p class="lead">${about}</p>`}
          ${names.map((name) => html`<${SettingRow} key=${name} name=${name} data=${data} edit=${edit} />`)}
          ${edit && strict && names.includes("concurrency_window_seconds") && html`<${Strict} take=${takeStrict} />`}
        <//>
      `,
    )}
    <${Card} title="Risk: signals and their weights">
      <p class="lead">
        What is noticed at a sign-in, and how many points it adds to the score. Of signals that speak of the same thing the heaviest counts. A signal
        that is only recorded changes nothing; signals of trust take points away.
      </p>
      <${Signals} data=${data} edit=${edit} />
    <//>
    <${Card} title="Set for the whole installation">
      <p>An access token lasts ${duration(data.read_only.access_token_seconds)}. Your operator decides that; it cannot be changed here.</p>
    <//>
  `;
}

const Strict = ({ take }) => html`
  <p>
    <button type="button" onClick=${take}>Fill in “strict”</button>
    ${" "}<span class="fine">Both windows to 0: a refresh token is spent by one use.</span>
  </p>
`;

const Bar = ({ count, faults, discard }) => html`
  <div class="bar" role="region" aria-label="Changes that are not saved">
    <p role="status">
      <strong>${count === 1 ? "One change" : `${count} changes`}, not saved.</strong>
      ${faults > 0 && ` ${faults === 1 ? "One value" : `${faults} values`} cannot be.`}
    </p>
    <div class="buttons">
      <button type="submit" class="main">Review and save</button>
      <button type="button" onClick=${discard}>Discard</button>
    </div>
  </div>
`;

/** The summary, and the one PATCH behind it. */
function Review({ data, changes, saved, refused, close }) {
  const send = async () => {
    try {
      return await patch(PATH, bodyOf(data, changes));
    } catch (fault) {
      const now = await answerTo(fault, data);
      if (now?.data && changes.every(({ key, after }) => valueIn(now.data, key) === after)) return now.data; // its answer was lost
      if (!now) throw fault;
      refused(now);
      return null;
    }
  };
  return html`
    <${Dialog} title="You change" onClose=${close}>
      <${Changes} changes=${changes} />
      <p>Limits of sessions count for those that are opened from then on, everything else within half a minute. The log tells the change.</p>
      <${Form} send=${send} onDone=${(answer) => answer && saved(answer)} submit="Save" cancel=${close} />
    <//>
  `;
}

const Changes = ({ changes }) => html`
  <dl class="facts changes">
    ${changes.map(
      ({ key, before, after }) => html`
        <dt>${keyText(key)}</dt>
        <dd>${valueText(key, before)} → <strong>${valueText(key, after)}</strong></dd>
      `,
    )}
  </dl>
`;

/** What the page does about a refusal: shows it beside the fields, or reads what somebody else has changed. */
async function answerTo(fault, data) {
  if (fault.code === "settings_changed") {
    const fresh = await get(PATH);
    return { data: fresh, state: { overtaken: changedBetween(data, fresh), faults: [] } };
  }
  return fault.errors?.length ? { state: { faults: fault.errors } } : null;
}

/** It stands above all the settings, and who has saved is further down: so it is moved to, and has the focus. */
function Overtaken({ changes }) {
  const place = useRef(null);
  useEffect(() => {
    const shown = setTimeout(() => place.current?.focus()); // after the dialog has given the focus back
    return () => clearTimeout(shown);
  }, [changes]);
  return html`
    <div class="notice warn" role="alert" tabindex="-1" ref=${place}>
      <strong>Somebody else changed the settings meanwhile. Yours are not saved.</strong>
      <p>What you typed still stands below. Look at it beside what is in force now, and save again.</p>
      ${changes.length > 0 && html`<${Changes} changes=${changes} />`}
    </div>
  `;
}
