// What a link of a mail or a sign-in at a provider has put into the fragment. It is taken out of the address before
// anything else runs, and is kept in memory: neither the history nor whoever looks at the window has it afterwards.
const KINDS = { "#token=": "token", "#sso=": "code", "#sso_failed=": "failed" };

/** `{token, code, failed, linked}`: of an invite or a reset; of single sign-on; why that failed; whether it has linked. */
export const arrival = { token: "", code: "", failed: "", linked: location.hash === "#sso_linked" };

for (const [prefix, name] of Object.entries(KINDS)) {
  if (location.hash.startsWith(prefix)) arrival[name] = location.hash.slice(prefix.length);
}
if (Object.values(arrival).some(Boolean)) {
  const page = arrival.linked ? "#/account" : "";
  history.replaceState(null, "", `${location.pathname}${location.search}${page}`);
}

/** Gives what arrived under `name`, once. */
export function arrived(name) {
  const value = arrival[name];
  arrival[name] = name === "linked" ? false : "";
  return value;
}
