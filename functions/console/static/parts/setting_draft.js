// What somebody has typed into the security settings and not saved yet.
// A key is "max_replays" or "risk_weights/NEW_DEVICE". A draft holds by key what stands in its fields: `{text, unit}`.
import { isTime, unitOf, valueText } from "./setting_text.js";

const SIGNAL_GROUPS = ["risk_weights", "risk_modes"];
const TRUST = "trust";
const MOST_POINTS = 100;

/** The value of a key in an answer of the API. */
export function valueIn(data, key) {
  const [group, signal] = key.split("/");
  return (signal ? data[group][signal] : data.settings[key])?.value;
}

/** What the fields of a key hold when nobody has typed anything. */
export function fieldsOf(data, key) {
  const value = valueIn(data, key);
  if (!isTime(key)) return { text: String(value) };
  const unit = unitOf(value);
  return { text: String(value / Number(unit)), unit };
}

/** The value that was typed; NaN for what is no whole number. */
function typed(key, base, { text, unit }) {
  if (typeof base === "string") return text;
  const amount = text.trim() === "" ? NaN : Number(text) * Number(unit || 1);
  return Number.isInteger(amount) ? amount : NaN;
}

/** What a draft changes: `[{key, before, after}]`. */
export function changesOf(data, draft) {
  return Object.entries(draft)
    .map(([key, fields]) => ({ key, before: valueIn(data, key), after: typed(key, valueIn(data, key), fields) }))
    .filter(({ before, after }) => before !== undefined && before !== after);
}

/** What cannot be, as the API would say it: `[{pointer, detail}]`. The API decides again. */
export function faultsOf(data, changes) {
  return changes.flatMap(({ key, after }) => {
    const bounds = boundsOf(data, key);
    if (!bounds) return [];
    const [least, most] = bounds;
    const whole = !isTime(key) || after % (data.settings[key].multiple_of || 1) === 0;
    if (after >= least && after <= most && whole) return [];
    return [{ pointer: `/${key}`, detail: whole ? `Give ${rangeText(key, bounds)}.` : "Give whole minutes." }];
  });
}

/** "5 min to 30 d" */
export const rangeText = (key, [least, most]) => `${isTime(key) ? valueText(key, least) : least} to ${valueText(key, most)}`;

/** `[least, most]` of a number; null for a choice. */
export function boundsOf(data, key) {
  const [group, signal] = key.split("/");
  if (group === "risk_modes") return null;
  if (signal) return data.signals?.[signal]?.group === TRUST ? [-MOST_POINTS, 0] : [0, MOST_POINTS];
  const { minimum, maximum } = data.settings[key];
  return minimum === undefined ? null : [minimum, maximum];
}

/** The body of the one PATCH that makes all changes, on the version that was read. */
export function bodyOf(data, changes) {
  const body = { if_version: data.version };
  for (const { key, after } of changes) {
    const [group, signal] = key.split("/");
    if (signal) body[group] = { ...body[group], [signal]: after };
    else body[key] = after;
  }
  return body;
}

/** Which keys have another value in a newer answer: what somebody else changed meanwhile. */
export function changedBetween(before, after) {
  const keys = [...Object.keys(after.settings), ...SIGNAL_GROUPS.flatMap((group) => Object.keys(after[group]).map((signal) => `${group}/${signal}`))];
  return keys.map((key) => ({ key, before: valueIn(before, key), after: valueIn(after, key) })).filter((each) => each.before !== each.after);
}
