// What was done, in words. Actions of the log are names for programs; most of them read well as they are.
import { capital, words } from "../core/format.js";

const NAMES = {
  ANOMALY_SCORED: "Risk weighed",
  AUTH_LOGIN_FAILED: "Sign-in failed",
  AUTH_LOGIN_SUCCESS: "Signed in",
  AUTH_LOGOUT: "Signed out",
  AUTH_SSO_VERIFIED: "Single sign-on verified",
  AUTH_TOKEN_EXPIRED: "Token expired",
  AUTH_TOKEN_REFRESH: "Session renewed",
  AUTH_TOKEN_REFRESH_REPLAYED: "Renewal repeated",
  STEP_UP_FAILED: "Further proof failed",
  STEP_UP_LOCKED: "Further proof locked",
  STEP_UP_REQUIRED: "Further proof asked for",
  STEP_UP_VERIFIED: "Further proof given",
  SUSPICIOUS_LOGIN_DETECTED: "Suspicious sign-in",
};
const SHORT = /\b(ip|mfa|pii|sso)\b/gi;

/** The reason of an event in words; nothing where its action says that already ("Impersonation ended: ended"). */
export const reasonOf = ({ action, reason }) => (action.toLowerCase().endsWith(String(reason ?? "").toLowerCase()) ? "" : words(reason));

export const actionName = (action) => NAMES[action] || capital(words(action).replaceAll(SHORT, (each) => each.toUpperCase()));
