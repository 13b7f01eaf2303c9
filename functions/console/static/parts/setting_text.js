// What each security setting means, in the words of the people who decide about it, and how its value is written.
import { capital, duration, number, words } from "../core/format.js";
import { signalName } from "./reckoning.js";

const text = (label, about, more = {}) => ({ label, about, ...more });

const TEXTS = {
  refresh_idle_seconds: text("Idle limit", "A session ends when nobody has used it for this long."),
  refresh_absolute_seconds: text("Longest session with a second factor", "After this time one signs in again, however busy the session is."),
  single_factor_absolute_seconds: text("Longest session without a second factor", "The same, for a sign-in with a password or a provider alone."),
  administrator_absolute_seconds: text("Longest session of owners and admins", "The shorter of this limit and the one above counts for them."),
  concurrent_sessions: text("Sessions of one person at once", "Browsers, devices and programs that may be signed in together."),
  session_limit_action: text("A sign-in beyond that number", "What happens when somebody with that many sessions signs in once more.", {
    options: { evict_oldest: "ends the oldest session", deny: "is refused" },
  }),
  concurrency_window_seconds: text(
    "Window for parallel retries",
    "A client that presents a refresh token twice within this time, as two tabs do, gets the same new one. 0: never.",
  ),
  lost_response_window_seconds: text(
    "Window for lost answers",
    "A device whose answer was lost on the way may ask for it again within this time. 0: never.",
  ),
  max_replays: text("Retries of one token", "Who asks more often than this within the short window is told to wait."),
  reuse_scope: text("When a spent token is presented", "Somebody may have stolen it. This is what ends at once.", {
    options: { user: "every session of the person", family: "the session that it belongs to" },
  }),
  step_up_score: text("Ask for a second proof from", "A sign-in of this risk score or more goes on after a second factor only.", { unit: "points" }),
  block_score: text("Block from", "A sign-in of this risk score or more is refused. It must be above the score for a second proof.", { unit: "points" }),
  impersonation: text("Acting as another person", "What administrators may do in the name of somebody with a lower role.", {
    options: { write: "look and change", read: "look only", off: "nothing: it is switched off" },
  }),
  impersonation_minutes: text("Longest impersonation", "It ends by itself after this time at the latest.", { unit: "minutes" }),
  impersonation_notice: text("Telling that person", "When the person in whose name somebody acts gets a mail about it.", {
    options: { end: "when it has ended", start: "when it begins", never: "never" },
  }),
};

const MODES = { enforce: "counts", observe: "is only recorded", off: "is off" };

/** Groups of settings: `[title, what holds for all of them, names]`. */
const GROUPS = [
  [
    "Sessions",
    "Limits count for sessions that are opened from then on. A session keeps those that it was opened with.",
    [
      "refresh_idle_seconds",
      "refresh_absolute_seconds",
      "single_factor_absolute_seconds",
      "administrator_absolute_seconds",
      "concurrent_sessions",
      "session_limit_action",
    ],
  ],
  [
    "Refresh tokens that are presented again",
    "A client trades its refresh token for a new one each time. These say what is an innocent retry, and what is a theft.",
    ["concurrency_window_seconds", "lost_response_window_seconds", "max_replays", "reuse_scope"],
  ],
  [
    "Impersonation",
    "Every impersonation stands in the log, with both people.",
    ["impersonation", "impersonation_minutes", "impersonation_notice"],
  ],
  [
    "Risk: thresholds",
    "Each sign-in gets a score from 0 to 100: the signals below add up. These are the scores at which something happens.",
    ["step_up_score", "block_score"],
  ],
];

/** The groups as far as there are such settings; what is in none of them stands last. */
export function groupsOf(settings) {
  const placed = new Set(GROUPS.flatMap(([, , names]) => names));
  const rest = Object.keys(settings).filter((name) => !placed.has(name));
  const groups = [...GROUPS, ["Other", "", rest]];
  const there = groups.map(([title, about, names]) => [title, about, names.filter((name) => settings[name])]);
  return there.filter(([, , names]) => names.length);
}

/** `{label, about, options?, unit?}`; a setting that is newer than this page is told in the API's own words. */
export const textOf = (name, about = "") => TEXTS[name] || text(about || words(name), "");

export const isTime = (name) => name.endsWith("_seconds");

export const optionText = (name, option) => textOf(name).options?.[option] || words(option);

const UNITS = [
  [86_400, "days"],
  [3600, "hours"],
  [60, "minutes"],
  [1, "seconds"],
];
export const unitOptions = UNITS.map(([size, unit]) => [String(size), unit]);

/** The largest unit that a number of seconds is a whole number of. */
export const unitOf = (seconds) => String((UNITS.find(([size]) => seconds >= size && seconds % size === 0) || [1])[0]);

export const signalText = (name) => capital(signalName(name));
export const modeText = (mode) => MODES[mode] || mode;
export const modeOptions = Object.entries(MODES).map(([mode, said]) => [mode, said]);

/** A value as people say it: "8 h", "60 points", "is refused". `key` is "max_replays" or "risk_weights/NEW_DEVICE". */
export function valueText(key, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "nothing";
  const [group, signal] = key.split("/");
  if (group === "risk_modes") return modeText(value);
  if (signal) return `${number(value)} points`;
  if (isTime(key)) return duration(value);
  if (typeof value === "string") return optionText(key, value);
  return [number(value), textOf(key).unit].filter(Boolean).join(" ");
}

export function keyText(key) {
  const [group, signal] = key.split("/");
  if (!signal) return textOf(key).label;
  return `${group === "risk_modes" ? "Signal" : "Weight of signal"} “${signalText(signal)}”`;
}
