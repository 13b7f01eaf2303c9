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
 * `{token, impersonation, target}`; `again` true while a session that ended waits for its person to sign in again.
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
  const me = await exchange("GET", "/api/auth/me", { token: acting ? acting.token : access.token });
  session.set({ ...session.get(), phase: "in", me, again: false, why: "" });
  return me;
}

export async function signOut() {
  const token = access?.token;
  const done = token ? exchange("POST", "/api/auth/logout", { token, body: {} }).catch(() => null) : null;
  forget("You have signed out.");
  await done;
}

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
export const isSamePerson = (answer) => answer.session.staff_id === session.get().me?.staff.staff_id;

export function actAs(token, impersonation, target) {
  session.set({ ...session.get(), acting: { token, impersonation, target } });
}

/** The tab acts as its own person again; the API is told by whoever ends an impersonation. */
export function actAsOneself() {
  session.set({ ...session.get(), acting: null });
}

function adopt(other) {
  access = other;
  const now = session.get();
  if (now.phase === "out" || now.again) recognise().catch(() => null);
  else if (now.me && now.me.staff.staff_id !== other.staff) location.reload();
}
