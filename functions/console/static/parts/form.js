// Forms. A field names the member of the body that it fills, so that what the API says of "/email" is shown beside it.
import { createContext, html, newId, useContext, useEffect, useMemo, useRef, useState } from "../core/library.js";
import { duration } from "../core/format.js";
import { Declined } from "../core/problem.js";

const NONE = [];
const Errors = createContext(NONE); // what the API said of the members of the form around a field

/**
 * `send(values)` gets the form's values by field name (checkboxes as booleans, empty fields as "") and gives a promise.
 * While it runs the button is busy; what it throws is shown above, and nothing that was typed is lost. `onDone` gets what
 * it gave.
 */
export function Form({ send, onDone, submit, children, cancel, tone = "", reset = false }) {
  const [state, setState] = useState({ busy: false, fault: null });
  const form = useRef(null);
  const onSubmit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({ busy: true, fault: null });
    try {
      const result = await send(valuesOf(form.current));
      setState({ busy: false, fault: null });
      if (reset) form.current?.reset();
      onDone?.(result);
    } catch (fault) {
      setState({ busy: false, fault });
    }
  };
  useEffect(() => form.current?.querySelector("[aria-invalid=true]")?.focus(), [state.fault]);
  return html`
    <form ref=${form} onSubmit=${onSubmit}>
      <${Fault} fault=${state.fault} form=${form.current} />
      <${Errors.Provider} value=${state.fault?.errors || NONE}>${children}<//>
      <div class="buttons">
        <button type="submit" class=${`main ${tone}`} disabled=${state.busy}>${state.busy ? "Please wait …" : submit}</button>
        ${cancel && html`<button type="button" onClick=${cancel}>Cancel</button>`}
      </div>
    </form>
  `;
}

/** For fields that stand in no `Form`: what was found wrong with them, as `[{pointer, detail}]`. */
export const FieldFaults = Errors.Provider;

/** What was refused, above the fields of `form`, which show what is their own. A question that was closed is no fault. */
export function Fault({ fault, form }) {
  if (!fault) return html`<div role="alert"></div>`;
  if (fault instanceof Declined) return html`<div class="notice" role="alert">${fault.message}</div>`;
  const others = (fault.errors || []).filter(elsewhere(form));
  if (fault.code === "invalid_request" && fault.errors?.length && !others.length) {
    return html`<div class="notice bad" role="alert"><strong>Check the marked fields.</strong><p>Nothing was changed.</p></div>`;
  }
  return html`
    <div class="notice bad" role="alert">
      <strong>${fault.title || "Something went wrong"}</strong>
      <p>${fault.message}</p>
      ${others.map((each) => html`<p><code>${each.pointer}</code> ${each.detail}</p>`)}
      ${fault.retryAfter > 1 && html`<p>Try again in ${duration(fault.retryAfter)}.</p>`}
      ${fault.code === "mfa_enrollment_required" && html`<p><a href="#/account">Set one up under “Your account”</a></p>`}
    </div>
  `;
}

const elsewhere = (form) => (each) => !form?.elements.namedItem(each.pointer.slice(1));

function valuesOf(form) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") values[field.name] = field.checked;
    else if (field.type !== "radio" || field.checked) values[field.name] = field.value;
  }
  return values;
}

/**
 * One labelled field. `name` is the member of the body; `kind` an input type, "textarea", or "select" with `options`
 * as `[value, text]`, `look` a class of the whole. Everything else (`value`, `required`, `autocomplete`, `onInput` ...) goes to the element.
 */
export function Field({ name, label, hint, kind = "text", options, look = "", children, ...rest }) {
  const [id] = useState(() => newId(name));
  useEffect(() => rest.autofocus && document.getElementById(id)?.focus(), []); // the browser's own counts once a page
  const faults = useContext(Errors).filter((each) => each.pointer === `/${name}`);
  const described = [hint && `${id}-hint`, faults.length && `${id}-fault`].filter(Boolean).join(" ");
  const given = {
    id,
    name,
    ...rest,
    "aria-describedby": described || undefined,
    "aria-invalid": faults.length ? "true" : undefined,
  };
  return html`
    <div class=${`field ${kind === "checkbox" ? "check" : look}`}>
      <label for=${id}>${label}</label>
      ${element(kind, given, options)}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${faults.length > 0 && html`<p class="fault" id=${`${id}-fault`}>${faults.map((each) => each.detail).join(" ")}</p>`}
      ${children}
    </div>
  `;
}

function element(kind, asked, options) {
  const given = asked.onInput || asked.onChange ? asked : started(asked);
  if (kind === "textarea") return html`<textarea rows="3" ...${given}></textarea>`;
  if (kind !== "select") return html`<input type=${kind} ...${given} />`;
  return html`
    <select ...${given}>
      ${options.map(([value, text]) => html`<option value=${value} selected=${value === asked.value}>${text}</option>`)}
    </select>
  `;
}

/** A value that no page keeps is where a field starts: drawn again, the field keeps what was typed since. */
function started({ value, checked, ...rest }) {
  return { ...rest, defaultValue: value, defaultChecked: checked };
}

/** A button that does one thing: busy meanwhile, and its fault beside it. */
export function Act({ act, children, tone = "", label }) {
  const [state, setState] = useState({ busy: false, fault: null });
  const onClick = async () => {
    setState({ busy: true, fault: null });
    const fault = await Promise.resolve()
      .then(act)
      .then(() => null)
      .catch((thrown) => thrown);
    setState({ busy: false, fault });
  };
  return html`
    <button type="button" class=${tone} disabled=${state.busy} aria-label=${label} onClick=${onClick}>
      ${state.busy ? "Please wait …" : children}
    </button>
    ${state.fault && html`<${Fault} fault=${state.fault} />`}
  `;
}

/** The value of a field that a page keeps itself: `const [text, field] = useField("")`, `<Field ...${field} />`. */
export function useField(first) {
  const [value, setValue] = useState(first);
  return [value, useMemo(() => ({ value, onInput: (event) => setValue(event.target.value) }), [value]), setValue];
}
