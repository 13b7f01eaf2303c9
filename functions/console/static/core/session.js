// Who is signed in. Rules of this module
// - Access tokens are in memory and nowhere else; the refresh token is in a cookie that no script can read.
// - One refresh at a time over all tabs: two of one token would look like a theft. What has no answer is asked again,
//   since the API gives a repeated refresh the same successor.
// - A refusal (401) ends the session; no answer, or none yet, ends nothing.
// - One tab, one person: when somebody else signs in, the page is loaded anew, so that nothing of the one before is left.
// - An impersonation belongs to the tab that began it. Its token is used for every call of that tab until it ends.
import { announcement } from "./announce.js";
import { Declined, Problem, Unreadable } from "./problem.js";
import { signal } from "./signal.js";
import { alone, heldByAnother, listen, tell } from "./tabs.js";
import { exchange } from "./wire.js";

const HINT = "muniment-signed-in"; // whether asking for a refresh at start makes sense: an id, no secret
const EARLY_MS = 15_000; // a token this near its end is renewed before it is used
const WAITS_MS = [500, 1500];
const OVER = "Your session has ended. Sign in again to go on.";
const OUT = "You have signed out.";
const OUT_OF_BOTH = "You have signed out. The impersonation has ended too.";
const UNSURE =
  "You are signed out in this browser, but the service did not answer: the session may still be open there. " +
  "Sign in again and end it under “Your sessions”.";

/**
 * `phase` is "starting", "away" (the service cannot be asked; `fault` says why), "out" or "in"; `me` the answer of
 * GET /api/auth/me for whoever the tab acts as; `acting` null or `{token, until, impersonation, target, own}`, of which `own`
 * is the `me` of the real person and `until` a moment of this clock in ms; `again` true while a session that ended waits for
 * its person to sign in again.
 */
export const session = signal({ phase: "starting", me: null, acting: null, again: false, why: "", fault: null });

const NOBODY = { me: null, acting: null, again: false, fault: null };

let access = null; // {token, until, staff}
let renewing = null;
let leaving = null; // a sign-out that the service has not confirmed yet
let opened = ""; // the id of the session that this tab has, or had last: no secret
const signedOutOf = new Set(); // the ids of sessions that were signed out of: no tab that has not heard of it brings one back
let endings = 0; // what was asked before a sign-out is not kept after it

listen({ token: adopt, out: left, held: () => (isFresh(access) ? access : null) });

/** Whether what is shown is still of whoever is signed in in this browser. */
export const isOwn = () => session.get().phase === "in" && localStorage.getItem(HINT) === oneself().staff.staff_id;

// A page that the browser had kept aside comes back as it was: only to whom it belongs.
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted || isOwn()) return;
  document.documentElement.hidden = true;
  location.reload();
});

const isFresh = (held) => Boolean(held) && held.until - Date.now() > EARLY_MS;

/** Gives the token to send: of the impersonation where there is one, renewed where it is about to end. */
export async function tokenToSend() {
  const { acting } = session.get();
  if (acting) return acting.token;
  if (access && !isFresh(access)) await renew(access.token);
  return access?.token ?? null;
}

/** Keeps the answer of a login, a refresh or an accepted invite: `{access_token, expires_in, session}`. */
export function take(answer) {
  keep({
    token: answer.access_token,
    until: Date.now() + answer.expires_in * 1000,
    staff: answer.session?.staff_id ?? access?.staff ?? oneself()?.staff.staff_id,
    sid: answer.session?.session_id ?? opened,
  });
  tell({ kind: "token", access });
}

function keep(held) {
  access = held;
  opened = held.sid;
  localStorage.setItem(HINT, held.staff);
}

/** Exchanges the cookie for a new token unless another tab has done so since `stale`. Throws what the API refused with. */
export function renew(stale) {
  renewing ??= alone(() => refreshed(stale)).finally(() => {
    renewing = null;
  });
  return renewing;
}

async function refreshed(stale) {
  const usable = (held) => held.token !== stale && isFresh(held) && !signedOutOf.has(held.sid);
  const asked = endings;
  if (access && usable(access)) return;
  const another = await heldByAnother(usable);
  if (asked !== endings) return; // whoever has signed out meanwhile takes no token of a tab that has not heard of it
  if (another) return adopt(another);
  const answer = await patiently(refresh);
  if (asked === endings) take(answer);
}

/** A browser whose cookie has ended with the session sends no token at all: to the API a malformed request. */
const refresh = () =>
  exchange("POST", "/api/auth/refresh", { body: {} }).catch((fault) => {
    throw fault.code === "invalid_request" ? new Problem(401, { ...fault.document, code: "invalid_grant" }) : fault;
  });

/** Asks again where that is harmless and may help. */
async function patiently(asking) {
  for (const wait of WAITS_MS) {
    try {
      return await asking();
    } catch (fault) {
      if (fault.code !== "unreachable" && fault.code !== "refresh_in_progress" && fault.status !== 503) throw fault;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return asking();
}

/** At the start of a page: the session that the cookie holds, if there is one; `prove` asks for a proof where it waits. */
export async function resume(prove) {
  if (!localStorage.getItem(HINT)) return showSignIn("");
  session.set({ ...session.get(), phase: "starting", fault: null });
  try {
    await renew(null).catch((refused) => {
      if (refused.code !== "insufficient_user_authentication") throw refused;
      return prove(refused.document);
    });
    await recognise();
  } catch (fault) {
    if (fault instanceof Declined) showSignIn("");
    else if (fault.status === 401) showSignIn(fault.code === "invalid_grant" ? OVER : fault.message);
    else session.set({ ...session.get(), phase: "away", fault });
  }
}

/** All of the console rests on this answer: one that names nobody is none. */
async function meOf(token) {
  const me = await exchange("GET", "/api/auth/me", { token });
  if (!me?.staff || !me.tenant || !Array.isArray(me.permissions)) throw new Unreadable();
  return me;
}

/** Asks who this is, and shows the console to him. */
export async function recognise() {
  const { acting } = session.get();
  const asked = endings;
  const me = await meOf(await tokenToSend()).catch(async (fault) => {
    if (acting || fault.code !== "invalid_token") throw fault;
    await renew(access?.token); // what a tab that slept has given may be over
    return meOf(access?.token);
  });
  if (asked !== endings) throw new Declined();
  const now = session.get();
  if (now.acting !== acting) return me;
  if (!acting && now.me && me.staff.staff_id !== now.me.staff.staff_id) location.reload();
  else session.set({ ...now, phase: "in", me, again: false, why: "", fault: null });
  return me;
}

/**
 * Clears what is shown at once, in every tab; then tells the service: of an impersonation first, so that the log has its
 * end as one that was asked for.
 */
export function signOut() {
  const { acting } = session.get();
  const held = access;
  forget(acting ? OUT_OF_BOTH : OUT);
  leaving = Promise.resolve(acting && endOf(acting).catch(() => null))
    .then(() => endedThere(held))
    .catch((fault) => fault.status === 401 && fault.code === "invalid_grant")
    .then((over) => over || session.set({ ...session.get(), why: UNSURE }));
  return leaving;
}

/** Ends the session of `held`; gives true. A token that is too old for it is renewed, and never kept. */
async function endedThere(held) {
  const end = (token) => exchange("POST", "/api/auth/logout", { token, body: {}, keepalive: true });
  try {
    await end(held?.token);
  } catch (fault) {
    if (fault.code !== "invalid_token") throw fault;
    const answer = await alone(refresh);
    await end(answer.access_token);
  }
  return true;
}

/** Until then the answer to a sign-out may still take a cookie away: a sign-in waits for it. */
export const signedOut = () => leaving;

const endOf = (acting, sent) => exchange("DELETE", "/api/impersonation", { token: acting.token, body: {}, ...sent });

// The token of an impersonation is in this tab alone and goes with it: so the impersonation ends when the tab does. What
// the API is not told of, ends at its time, or by the page of impersonations.
window.addEventListener("pagehide", (event) => {
  const { acting } = session.get();
  if (acting && !event.persisted) endOf(acting, { keepalive: true }).catch(() => null);
});

/** Drops everything of the person from this tab and the others. */
export function forget(why) {
  tell({ kind: "out", why, sid: opened });
  left(why, opened);
}

function left(why, sid) {
  endings += 1;
  if (sid) signedOutOf.add(sid);
  announcement.set(null);
  showSignIn(why);
}

/** Nobody is signed in here, and the page of signing in says `why`. */
export function showSignIn(why) {
  access = null;
  opened = "";
  localStorage.removeItem(HINT);
  session.set({ ...NOBODY, phase: "out", why });
}

/** The session is over while a page is open: the page stays as it is, and a dialog asks its person to sign in again. */
export function waitForPerson() {
  const now = session.get();
  if (now.phase !== "in") return Promise.reject(new Declined());
  access = null;
  if (!now.again) session.set({ ...now, again: true });
  return new Promise((resolve, reject) => {
    const stop = session.watch((next) => {
      if (next.again) return;
      stop();
      if (next.phase === "in") resolve();
      else reject(new Declined());
    });
  });
}

/** The `me` of the real person, whoever the tab acts as. */
export const oneself = () => session.get().acting?.own ?? session.get().me;

/**
 * The tab acts as `target` (`{staff_id, name, email}`) from here on; `answer` is that of POST /api/impersonation. Who that
 * is, is asked first: there is no moment in which the pages of one person are read with the token of the other.
 */
export async function actAs(answer, target) {
  const until = Date.now() + answer.expires_in * 1000;
  const asked = endings;
  const me = await meOf(answer.access_token);
  if (asked !== endings) throw new Declined();
  const acting = { token: answer.access_token, until, impersonation: answer.impersonation, target, own: oneself() };
  session.set({ ...session.get(), me, acting });
}

/** The tab acts as its own person again; the API is told by whoever ends an impersonation. */
export function actAsOneself() {
  session.set({ ...session.get(), me: oneself(), acting: null });
}

/** Another tab has a new token: of a refresh, of a proof, or of somebody who has signed in. */
function adopt(other) {
  if (signedOutOf.has(other.sid)) return;
  const { phase, again } = session.get();
  const own = oneself();
  if (own && own.staff.staff_id !== other.staff) {
    access = null;
    location.reload();
    return;
  }
  keep(other);
  if (phase === "out" || again) recognise().catch(() => null);
}
