// A fresh proof of identity, wherever the API asks for one (RFC 9470). The dialog is `parts/step_up_dialog.js`.
// - One question at a time: several requests of one purpose wait for one answer, those of another for their turn.
// - A challenge that expired is replaced by a new one, and the dialog says so.
import { address } from "./address.js";
import { Declined } from "./problem.js";
import { signal } from "./signal.js";
import { session, take, tokenToSend } from "./session.js";
import { exchange } from "./wire.js";

/**
 * What is asked at the moment: null, or `{purpose, methods, challenge_id, passkey, note, answer, decline}`. Without
 * methods there is nothing that could prove the person: a factor must be enrolled first.
 */
export const asked = signal(null);

const EXPIRED = "The question before had expired. This is a new one.";
const WITH_BEARER = (purpose) => purpose !== "login" && purpose !== "refresh";

const open = new Map(); // purpose -> the promise of its proof
let turn = Promise.resolve();

// Whoever signs out in another tab takes the question along; the one of a sign-in is nobody's yet.
session.watch(({ phase }) => {
  const question = asked.get();
  if (phase === "out" && question && question.purpose !== "login") question.decline();
});

// Whoever leaves the page, as by the browser's Back, has left what was asked there: it is not done behind another page.
let place = address.get().path.join("/");
address.watch(({ path }) => {
  const left = place !== path.join("/");
  place = path.join("/");
  if (left && WITH_BEARER(asked.get()?.purpose ?? "login")) asked.get().decline();
});

/**
 * Asks for a proof; `wanted` is the problem document, with a `challenge_id` where the API has made one already (sign-in,
 * refresh). `anew` repeats what such a challenge came of, once it has expired; null where that cannot be. Resolves when
 * the proof is given, throws Declined when the person closes the dialog, or what the API refused with.
 */
export function prove(wanted, anew = () => again(wanted.purpose)) {
  const { purpose } = wanted;
  if (!open.has(purpose)) {
    const proof = turn.then(() => proven(wanted, anew));
    turn = proof.catch(() => null);
    open.set(
      purpose,
      proof.finally(() => open.delete(purpose)),
    );
  }
  return open.get(purpose);
}

async function proven(wanted, anew) {
  let challenge = wanted.challenge_id ? wanted : await newChallenge(wanted.purpose);
  let note = "";
  for (;;) {
    const result = await question(challenge, note).finally(() => asked.set(null));
    if (result.lost) throw result.lost;
    if (!result.gone) return kept(result);
    if (!anew) throw result.gone;
    const next = await newOf(anew);
    if (!next.challenge_id) return kept(next);
    challenge = next;
    note = EXPIRED;
  }
}

function kept(answer) {
  if (answer.access_token) take(answer);
  return answer;
}

/** What `anew` leads to: another challenge, or already the answer. */
const newOf = (anew) =>
  anew().catch((refused) => {
    if (refused.code !== "insufficient_user_authentication") throw refused;
    return refused.document;
  });

const again = (purpose) =>
  WITH_BEARER(purpose) ? newChallenge(purpose) : exchange("POST", "/api/auth/refresh", { body: {} });

async function newChallenge(purpose) {
  try {
    return await exchange("POST", "/api/auth/step-up/challenges", { body: { purpose }, token: await tokenToSend() });
  } catch (refused) {
    if (refused.code !== "mfa_enrollment_required") throw refused;
    return { purpose, methods: [], challenge_id: "none" };
  }
}

function question(challenge, note) {
  return new Promise((resolve, reject) => {
    const decline = () => reject(new Declined());
    asked.set({ ...challenge, note, answer: (proof) => verified(challenge, proof).then(resolve), decline });
  });
}

/**
 * `proof` is `{code}`, `{recovery_code}` or `{passkey}`. Gives the answer, `{gone}` for a challenge that takes none any
 * more, or `{lost}` where the session has ended. Throws whatever else the API refused with, and the dialog stays.
 */
async function verified({ purpose, challenge_id }, proof) {
  try {
    return await exchange("POST", "/api/auth/step-up/verify", {
      body: { challenge_id, ...proof },
      token: WITH_BEARER(purpose) ? await tokenToSend() : null,
    });
  } catch (refused) {
    if (refused.code === "invalid_token" || refused.code === "invalid_grant") return { lost: refused };
    if (refused.code === "challenge_expired") return { gone: refused };
    if (refused.code !== "already_used") throw refused;
    // It was answered rightly, and the answer was lost: a session has its grant, a sign-in begins anew.
    return WITH_BEARER(purpose) ? {} : { gone: refused };
  }
}
