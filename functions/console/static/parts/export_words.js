// How exports are told of: their states, the steps of a bundle, and why one failed.
import { html } from "../core/library.js";
import { day, words } from "../core/format.js";
import { Badge } from "./badge.js";

const STATUSES = { running: "warn", completed: "good", failed: "bad" };

export const Status = ({ status }) => html`<${Badge} tone=${STATUSES[status] || "plain"}>${status}<//>`;

export const KINDS = { bundle: "Bundle", report: "Report", sample: "Sample" };

const STEPS = {
  requested: "Waiting to begin",
  render: "Writing the files",
  manifest: "Writing the manifest",
  assemble: "Putting the archive together",
  read: "Reading the log",
  completed: "Done",
};

export const stepOf = ({ step }) => STEPS[step] || words(step);

const ERRORS = {
  NotSealedYetError: "Nothing of this range is sealed and signed yet. The log is signed within the hour: ask again then.",
  EarlierEpochError: "The whole range lies before the log was started again. Ask for a range that the present log covers.",
  DEADLINE_PASSED: "It took longer than it may. Ask again; if it happens twice, tell whoever runs Muniment here.",
  READ_FAILED: "The log could not be read. Ask again.",
};

export const errorOf = (error) => ERRORS[error] || `It ended with ${error}. Ask again; if it happens twice, tell whoever runs Muniment here.`;

/** "1 Jul 2026 – 30 Sept 2026"; a sample has no range of its own. */
export function rangeText({ from, to }) {
  if (!from) return "–";
  return from === to ? day(from) : `${day(from)} – ${day(to)}`;
}
