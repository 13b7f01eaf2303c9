// The API as pages call it: signed in, renewed and proven as the API asks for it. A page sees a result or an error to show.
import { Declined, Problem, Unreachable } from "./problem.js";
import { ended } from "./impersonation.js";
import { renew, session, tokenToSend, waitForPerson } from "./session.js";
import { prove } from "./step_up.js";
import { exchange } from "./wire.js";

const MOST_TURNS = 4; // a renewal, a proof, and once more after somebody has signed in again
const WAITS_MS = [400, 1200];

/** Reads; what cannot be decided at the moment is asked again, since reading changes nothing. */
export const get = (path, query, signal) => read(path, { query, signal });

/** Reads a file: a Blob with the octets that the API gave, since a hash may be told of them. `onHeaders` gets its headers. */
export const getFile = (path, query, onHeaders) => read(path, { query, file: true, onHeaders });

async function read(path, sent) {
  for (const wait of WAITS_MS) {
    try {
      return await call("GET", path, sent);
    } catch (fault) {
      if (!(fault instanceof Problem && fault.status === 503)) throw fault;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return call("GET", path, sent);
}

export const post = (path, body = {}) => call("POST", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path, query, body = {}) => call("DELETE", path, { query, body });

async function call(method, path, sent) {
  let refusal = new Unreachable();
  const { acting } = session.get(); // in whose name: what was meant for one name is never sent again in the other
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    if (session.get().phase === "out") throw new Declined();
    let token = null;
    try {
      token = await tokenToSend();
      return await exchange(method, path, { ...sent, token });
    } catch (fault) {
      if (!(fault instanceof Problem)) throw fault;
      refusal = fault;
    }
    if (!(await mended(refusal, token, acting)) || session.get().acting !== acting) throw refusal;
  }
  throw refusal;
}

/** Does what the refusal asks for; gives whether the request may be sent again. */
async function mended(refusal, token, acting) {
  const remedy = REMEDIES[refusal.code];
  if (!remedy) return false;
  if (refusal.code === "invalid_token" && acting) return ended("stopped", acting);
  await remedy(refusal, token).catch(revived);
  return true;
}

const REMEDIES = {
  insufficient_user_authentication: (refusal) => prove(refusal.document),
  invalid_token: (_refusal, token) => renew(token),
  invalid_grant: (refusal) => Promise.reject(refusal), // of the refresh before the request
};

/** The session has ended, unless a proof lets it go on. */
async function revived(fault) {
  if (fault.code === "insufficient_user_authentication") return prove(fault.document).catch(revived);
  if (fault.code === "mfa_enrollment_required") throw fault;
  if (!(fault instanceof Problem) || fault.status !== 401) throw fault;
  return waitForPerson();
}
