// Who is signed in. Rules of this module
// - Access tokens are in memory and nowhere else; the refresh token is in a cookie that no script can read.
// - One refresh at a time over all tabs (a lock of the browser): two of one token would look like a theft. Whoever gets
//   the lock and finds that another tab has a newer token takes that one.
// - An impersonation belongs to the tab that began it. Its token is used for every call of that tab until it ends.
import { exchange } from "./wire.js";
import { signal } from "./signal.js";

const LOCK = "muniment-refresh";
const HINT = "muniment-signed-in"; // no secret: whether asking for a refresh at start makes sense
const CHANNEL = new BroadcastChannel("muniment-session");
const EARLY_MS = 15_000; // a token this near its end is renewed before it is used

/**
 * `phase` is "starting", "out" or "in"; `me` the answer of GET /api/auth/me for whoever the tab acts as; `acting` null or
 * `{token, until, impersonation, target, own}`, of which `own` is the `me` of the real person and `until` a moment of this
 * clock in ms; `again` true while a session that ended waits for its person to sign in again.
 */
export const session = signal({ phase: "starting", me: null, acting: null, again: false, why: "" });

let access = null; // {token, until, staff}
let renewing = null;

CHANNEL.onmessage = ({ data }) => {
  if (data.kind === "token") adopt(data.access);
  if (data.kind === "out") left(data.why);
};

/** Gives the token to send: of the impersonation where there is one, renewed where it is about to end. */
export async function tokenToSend() {
  const { acting } = session.get();
  if (acting) return acting.token;
  if (access && access.until - Date.now() < EARLY_MS) await renew(access.token);
  return access?.token ?? null;
}

/** Keeps the answer of a login, a refresh or an accepted invite: `{access_token, expires_in, session}`. */
export function take(answer) {
  access = {
    token: answer.access_token,
    until: Date.now() + answer.expires_in * 1000,
    staff: answer.session?.staff_id ?? access?.staff,
  };
  localStorage.setItem(HINT, "1");
  CHANNEL.postMessage({ kind: "token", access });
}

/** Exchanges the cookie for a new token unless another tab has done so since `stale`. Throws what the API refused with. */
export function renew(stale) {
  renewing ??= navigator.locks.request(LOCK, () => refreshed(stale)).finally(() => {
    renewing = null;
  });
  return renewing;
}

async function refreshed(stale) {
  if (access && access.token !== stale) return;
  take(await exchange("POST", "/api/auth/refresh", { body: {} }));
}

/** At the start of a page: the session that the cookie holds, if there is one. */
export async function resume() {
  if (!localStorage.getItem(HINT)) return left("");
  try {
    await renew(null);
    await recognise();
  } catch (fault) {
    if (fault.code === "insufficient_user_authentication") throw fault;
    left(fault.code === "unreachable" ? fault.message : "");
  }
}

/** Asks who this is, and shows the console to him. */
export async function recognise() {
  const { acting } = session.get();
  const me = await exchange("GET", "/api/auth/me", { token: await tokenToSend() });
  if (session.get().acting === acting) session.set({ ...session.get(), phase: "in", me, again: false, why: "" });
  return me;
}

/** Ends the session, and first the impersonation, so that the log has its end as one that was asked for. */
export async function signOut() {
  const { acting } = session.get();
  if (acting) await endOf(acting).catch(() => null);
  session.set({ ...session.get(), acting: null, me: acting ? acting.own : session.get().me });
  const token = await tokenToSend().catch(() => null);
  const done = token ? exchange("POST", "/api/auth/logout", { token, body: {} }).catch(() => null) : null;
  forget(acting ? "You have signed out. The impersonation has ended too." : "You have signed out.");
  await done;
}

const endOf = (acting, sent) => exchange("DELETE", "/api/impersonation", { token: acting.token, body: {}, ...sent });

// The token of an impersonation is in this tab alone and goes with it: so the impersonation ends when the tab does. What
// the API is not told of, ends at its time, or by the page of impersonations.
window.addEventListener("pagehide", (event) => {
  const { acting } = session.get();
  if (acting && !event.persisted) endOf(acting, { keepalive: true }).catch(() => null);
});

/** Drops everything of the person from this tab and the others. */
export function forget(why) {
  CHANNEL.postMessage({ kind: "out", why });
  left(why);
}

function left(why) {
  access = null;
  localStorage.removeItem(HINT);
  session.set({ phase: "out", me: null, acting: null, again: false, why });
}

/** The session is over while a page is open: the page stays as it is, and a dialog asks its person to sign in again. */
export function waitForPerson() {
  const now = session.get();
  if (now.phase === "in" && !now.again) session.set({ ...now, again: true });
  return new Promise((resolve, reject) => {
    const stop = session.watch((next) => {
      if (next.again) return;
      stop();
      if (next.phase === "in") resolve();
      else reject(new Error("signed out"));
    });
  });
}

/** Whether `answer` is of the person whose page is open. */
export const isSamePerson = (answer) => answer.session.staff_id === oneself()?.staff.staff_id;

/** The `me` of the real person, whoever the tab acts as. */
export const oneself = () => session.get().acting?.own ?? session.get().me;

/**
 * The tab acts as `target` (`{staff_id, name, email}`) from here on; `answer` is that of POST /api/impersonation. Who that
 * is, is asked first: there is no moment in which the pages of one person are read with the token of the other.
 */
export async function actAs(answer, target) {
  const until = Date.now() + answer.expires_in * 1000;
  const me = await exchange("GET", "/api/auth/me", { token: answer.access_token });
  const acting = { token: answer.access_token, until, impersonation: answer.impersonation, target, own: oneself() };
  session.set({ ...session.get(), me, acting });
}

/** The tab acts as its own person again; the API is told by whoever ends an impersonation. */
export function actAsOneself() {
  session.set({ ...session.get(), me: oneself(), acting: null });
}

function adopt(other) {
  access = other;
  const now = session.get();
  if (now.phase === "out" || now.again) recognise().catch(() => null);
  else if (now.me && oneself().staff.staff_id !== other.staff) location.reload();
}
