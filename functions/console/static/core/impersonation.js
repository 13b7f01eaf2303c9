// The end of acting in another person's name, however it came: the tab is its own person's again, and says so.
import { replace } from "./address.js";
import { announce } from "./announce.js";
import { actAsOneself, recognise, session } from "./session.js";

/** Why an impersonation of this tab is over; the page of impersonations says it once more. */
export const ENDINGS = {
  ended: "You have ended the impersonation. You act as yourself again.",
  expired: "The time of the impersonation is over. You act as yourself again.",
  stopped: "The impersonation was stopped: by the API, or because somebody changed what it rested on. You act as yourself again.",
  left: "Nobody else's name is used in this tab: an impersonation ends when its tab is loaded anew. You act as yourself.",
};

/** The impersonation `acting` of this tab is over, unless it is already; `how` is one of ENDINGS. Gives false: send nothing. */
export function ended(how, acting = session.get().acting) {
  if (!acting || session.get().acting !== acting) return false;
  actAsOneself();
  replace(["impersonation"], how === "ended" ? {} : { over: how }); // who was away when it ended, finds it said
  announce(ENDINGS[how]);
  recognise().catch(() => null); // what changed of oneself meanwhile; the page shows any fault of its own reading
  return false;
}
