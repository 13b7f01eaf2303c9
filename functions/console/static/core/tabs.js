// The tabs of one browser have one session: one of them renews it, and all of them have its token and its end.
// - A lock of the browser lets one tab at a time renew. Whoever has the lock asks the other tabs first, since a message
//   of theirs may still be under way.
// - Every tab that lives holds a shared lock: so it is known whether there is anybody to ask, and how many.
const CHANNEL = new BroadcastChannel("muniment-session");
const RENEWAL = "muniment-refresh";
const PRESENCE = "muniment-tab";
const PATIENCE_MS = 300; // a tab that sleeps does not answer

let listener = { token: () => null, out: () => null, held: () => null };
let waiting = null; // {id, take}

navigator.locks.request(PRESENCE, { mode: "shared" }, () => new Promise(() => null));

CHANNEL.onmessage = ({ data }) => {
  if (data.kind === "token") listener.token(data.access);
  if (data.kind === "out") listener.out(data.why, data.sid);
  if (data.kind === "ask") CHANNEL.postMessage({ kind: "answer", id: data.id, access: listener.held() });
  if (data.kind === "answer" && data.id === waiting?.id) waiting.take(data.access);
};

/** `token(access)` and `out(why, sid)` hear what other tabs tell; `held()` gives them the access token of this one, or null. */
export function listen(given) {
  listener = given;
}

/** Tells the other tabs: `{kind: "token", access}` or `{kind: "out", why, sid}` with the id of the session that ended. */
export const tell = (message) => CHANNEL.postMessage(message);

/** Runs `renewal` while no other tab renews; gives what it gives. */
export const alone = (renewal) => navigator.locks.request(RENEWAL, renewal);

/** Asks the other tabs for a token that is `usable`; null if none has one. To be called in `alone`. */
export async function heldByAnother(usable) {
  const { held } = await navigator.locks.query();
  let others = held.filter((lock) => lock.name === PRESENCE).length - 1;
  if (others < 1) return null;
  return new Promise((resolve) => {
    const done = (access) => {
      clearTimeout(patience);
      waiting = null;
      resolve(access);
    };
    const patience = setTimeout(() => done(null), PATIENCE_MS);
    const take = (access) => {
      others -= 1;
      if (access && usable(access)) done(access);
      else if (!others) done(null);
    };
    waiting = { id: crypto.randomUUID(), take };
    CHANNEL.postMessage({ kind: "ask", id: waiting.id });
  });
}
