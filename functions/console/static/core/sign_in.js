// Signing in with a password: the API may ask for a second proof first.
import { prove } from "./step_up.js";
import { exchange } from "./wire.js";

/** Gives the token response. Throws what the API refused with, or Declined. */
export async function signIn({ tenant, email, password }) {
  try {
    return await exchange("POST", "/api/auth/login", { body: { tenant, email, password, mode: "cookie" } });
  } catch (refused) {
    if (refused.code !== "insufficient_user_authentication") throw refused;
    return prove(refused.document);
  }
}
