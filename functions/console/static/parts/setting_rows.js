// The security settings as rows: what each means, its value, its range, whose it is, and whether it was changed here.
import { html } from "../core/library.js";
import { Badge } from "./badge.js";
import { Field } from "./form.js";
import { boundsOf, rangeText, valueIn } from "./setting_draft.js";
import { isTime, keyText, modeOptions, optionText, signalText, textOf, unitOptions, valueText } from "./setting_text.js";
import { Table } from "./table.js";

const SOURCES = { tenant: "set by your tenant", deployment: "default of this installation", policy: "default of the risk policy" };

/** One setting. `edit` is `{fields(key), type(key, fields), changed(key), undo(key)}`, or null for who may only look. */
export function SettingRow({ name, data, edit }) {
  const setting = data.settings[name];
  const { label, about } = textOf(name, setting.about);
  const bounds = boundsOf(data, name);
  return html`
    <div class=${`setting ${edit?.changed(name) ? "changed" : ""}`}>
      <div class="meaning">
        <h3>${label}</h3>
        <p class="hint">${about}</p>
      </div>
      <div>
        ${edit && html`<${Control} name=${name} label=${label} setting=${setting} edit=${edit} />`}
        ${!edit && html`<p class="value">${valueText(name, setting.value)}</p>`}
        <p class="fine">${bounds && `From ${rangeText(name, bounds)} · `}${SOURCES[setting.source]}</p>
        <${Changed} keys=${[name]} data=${data} edit=${edit} />
      </div>
    </div>
  `;
}

function Control({ name, label, setting, edit }) {
  const fields = edit.fields(name);
  const type = (part) => (event) => edit.type(name, { ...fields, [part]: event.target.value });
  if (setting.options) {
    const options = setting.options.map((option) => [option, optionText(name, option)]);
    return html`<${Field} name=${name} label=${label} kind="select" options=${options} value=${fields.text} onInput=${type("text")} />`;
  }
  const { unit } = textOf(name);
  const amount = { name, label: unit ? `${label}, in ${unit}` : label, value: fields.text, onInput: type("text") };
  const measure = { name: `${name}-unit`, label: `Unit of ${label}`, value: fields.unit, onInput: type("unit") };
  return html`
    <div class="inline amount">
      <${Field} ...${amount} inputmode="decimal" autocomplete="off" />
      ${isTime(name) && html`<${Field} ...${measure} kind="select" options=${unitOptions} />`}
    </div>
  `;
}

/** What was in force, where the draft says something else, and the button that goes back to it. */
function Changed({ keys, data, edit }) {
  const changed = edit ? keys.filter(edit.changed) : [];
  return changed.map(
    (key) => html`
      <p class="was" key=${key}>
        <${Badge} tone="warn">changed<//> was ${valueText(key, valueIn(data, key))}
        ${" "}<button type="button" class="link" aria-label=${`Undo: ${keyText(key)}`} onClick=${() => edit.undo(key)}>Undo</button>
      </p>
    `,
  );
}

/** The signals of the risk: what each means, whether it counts, and how much. */
export function Signals({ data, edit }) {
  const told = data.signals || {};
  const rows = Object.keys(data.signals || data.risk_weights);
  const columns = [
    {
      head: "Signal",
      cell: (name) => html`${signalText(name)}<span class="fine about">${told[name]?.about}</span>`,
    },
    { head: "At a sign-in", cell: (name) => html`<${Mode} name=${name} data=${data} edit=${edit} />` },
    { head: "Points", cell: (name) => html`<${Weight} name=${name} data=${data} edit=${edit} />` },
    { head: "Default", numeric: true, cell: (name) => told[name]?.points ?? "–" },
    { head: "Whose", cell: (name) => html`<${Whose} name=${name} data=${data} edit=${edit} />` },
  ];
  return html`<${Table} caption="Signals of the risk" columns=${columns} rows=${rows} id=${(name) => name} />`;
}

function Mode({ name, data, edit }) {
  const key = `risk_modes/${name}`;
  if (!edit) return valueText(key, valueIn(data, key));
  const given = { value: edit.fields(key).text, onInput: (event) => edit.type(key, { text: event.target.value }) };
  return html`<${Field} name=${key} label=${`Signal ${signalText(name)}`} kind="select" options=${modeOptions} ...${given} />`;
}

function Weight({ name, data, edit }) {
  const key = `risk_weights/${name}`;
  if (!edit) return valueText(key, valueIn(data, key));
  const given = { value: edit.fields(key).text, onInput: (event) => edit.type(key, { text: event.target.value }) };
  return html`<${Field} name=${key} label=${`Points of ${signalText(name)}`} inputmode="numeric" ...${given} />`;
}

function Whose({ name, data, edit }) {
  const keys = [`risk_weights/${name}`, `risk_modes/${name}`];
  const own = [data.risk_weights, data.risk_modes].some((group) => group[name].source === "tenant");
  return html`<span class="fine">${own ? SOURCES.tenant : SOURCES.policy}</span><${Changed} keys=${keys} data=${data} edit=${edit} />`;
}
