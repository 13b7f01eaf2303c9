// A fresh proof of identity, wherever the API asks for one (RFC 9470). The dialog is `parts/step_up_dialog.js`.
import { Declined } from "./problem.js";
import { signal } from "./signal.js";
import { take, tokenToSend } from "./session.js";
import { exchange } from "./wire.js";

/** What is asked at the moment: null, or `{purpose, methods, challenge_id, passkey, answer, decline}`. */
export const asked = signal(null);

const open = new Map(); // purpose -> the promise of its proof: several requests wait for one answer

/**
 * Asks for a proof; `wanted` is the problem document, with a `challenge_id` where the API has made one already (sign-in,
 * refresh). Resolves when it is given, throws Declined when the person closes the dialog, or what the API refused with.
 */
export function prove(wanted) {
  const { purpose } = wanted;
  if (!open.has(purpose)) {
    open.set(
      purpose,
      proven(wanted).finally(() => open.delete(purpose)),
    );
  }
  return open.get(purpose);
}

async function proven(wanted) {
  const challenge = wanted.challenge_id ? wanted : await newChallenge(wanted.purpose);
  const answer = await new Promise((resolve, reject) => {
    const decline = () => reject(new Declined());
    asked.set({ ...challenge, answer: (proof) => verified(challenge, proof).then(resolve), decline });
  }).finally(() => asked.set(null));
  take(answer);
  return answer;
}

const newChallenge = async (purpose) =>
  exchange("POST", "/api/auth/step-up/challenges", { body: { purpose }, token: await tokenToSend() });

/** `proof` is `{code}`, `{recovery_code}` or `{passkey}`. Throws what the API refused with, and the dialog stays. */
async function verified(challenge, proof) {
  const own = ["login", "refresh"].includes(challenge.purpose) ? null : await tokenToSend();
  return exchange("POST", "/api/auth/step-up/verify", {
    body: { challenge_id: challenge.challenge_id, ...proof },
    token: own,
  });
}
