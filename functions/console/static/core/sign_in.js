// Signing in: with a password, or with the code of an identity provider. The API may ask for a second proof first.
import { Declined, Problem } from "./problem.js";
import { recognise, session, signedOut, take } from "./session.js";
import { prove } from "./step_up.js";
import { exchange } from "./wire.js";

const TENANT = "muniment-tenant"; // remembered for the next time; no secrets
const CONNECTION = "muniment-connection";

/** Gives the token response. Throws what the API refused with, or Declined. */
export async function signIn({ tenant, email, password }) {
  await signedOut();
  const ask = () => exchange("POST", "/api/auth/login", { body: { tenant, email, password, mode: "cookie" } });
  const answer = await provenIfAsked(ask, ask);
  localStorage.setItem(TENANT, tenant);
  return answer;
}

/**
 * Opens the console with the token response `answer`. From there on the session exists, and a form that asked again would
 * open a second one, or spend what counts once: where the rest fails, the console offers to try that again instead.
 */
export async function enter(answer) {
  take(answer);
  try {
    await recognise();
  } catch (fault) {
    if (fault instanceof Declined) throw fault;
    session.set({ ...session.get(), phase: "away", fault });
  }
}

/** Exchanges the code that a provider's callback has put into the address; it counts once. */
export async function signInWithCode(code) {
  const ask = () => exchange("POST", "/api/auth/sso/token", { body: { code, mode: "cookie" } });
  return provenIfAsked(ask, null);
}

/** `anew` asks for the sign-in once more, when its challenge has expired; null where that cannot be. */
async function provenIfAsked(ask, anew) {
  try {
    return await ask();
  } catch (refused) {
    if (refused.code !== "insufficient_user_authentication") throw refused;
    return prove(refused.document, anew);
  }
}

export const lastTenant = () => localStorage.getItem(TENANT) || "";
export const lastConnection = () => localStorage.getItem(CONNECTION) || "";

export const startOf = (tenant, connection) =>
  `/api/auth/sso/${encodeURIComponent(tenant)}/${encodeURIComponent(connection)}/start`;

/** Gives `{tenant, connection}` of whoever has proven the domain of `email`. */
export async function providerOf(email) {
  const found = await exchange("POST", "/api/auth/sso/discover", { body: { email } }).catch(unknownDomain);
  return { tenant: found.tenant, connection: found.connection_id };
}

function unknownDomain(fault) {
  if (fault.code !== "not_found") throw fault;
  fault.title = "No identity provider is known for this address";
  fault.message = "Your organization may not have proven its mail domain. Name organization and connection instead, or use a password.";
  throw fault;
}

/** Leaves for the provider; the API sends the browser back with a code, or with what it refused. */
export function goToProvider({ tenant, connection }) {
  localStorage.setItem(TENANT, tenant);
  localStorage.setItem(CONNECTION, connection);
  location.assign(startOf(tenant, connection));
}

const SAID = {
  invalid_credentials: [
    "This did not work",
    "Organization, e-mail address and password do not belong together, or the account is not active. Check all three.",
  ],
  session_blocked: [
    "The sign-in was blocked",
    "It looked like somebody else. The owner of the account has been told by e-mail. If it was you: sign in from a device " +
      "and a network that you have used before, or ask an administrator.",
  ],
  ip_denied: [
    "Not from this network",
    "Your organization does not allow sign-ins from where you are. Ask an administrator, or use another network.",
  ],
  session_limit: [
    "You are signed in too often",
    "Your organization limits how many sessions one person has. Sign out somewhere else, then try again.",
  ],
  mfa_enrollment_required: [
    "This sign-in needs a second proof",
    "It looks unusual, and you have no authenticator yet. Sign in from a device and a place that you have used before, " +
      "and set one up under “Your account”.",
  ],
  auth_unavailable: ["The service cannot decide at the moment", "Nothing was changed. Try again in a moment."],
  csrf_rejected: ["The address is not the right one", "Open the console at the address that your organization gave you."],
  challenge_expired: ["The question has expired", "Begin the sign-in again."],
};

/** The same refusal in words for whoever signs in; what has none stays as it is. */
export function inWords(fault) {
  const said = fault instanceof Problem && Object.hasOwn(SAID, fault.code) && SAID[fault.code];
  if (said) [fault.title, fault.message] = said;
  if (fault.code === "rate_limited") {
    fault.title = "Too many attempts";
    fault.message = "To protect the account, attempts are slowed down.";
  }
  return fault;
}

/** Runs `asking`, and throws what it is refused with in words. */
export const saying = (asking) =>
  asking().catch((fault) => {
    throw inWords(fault);
  });
