// The pages of the console: where each is, who may see it, and the module that draws it. Modules load when they are opened.
export const GROUPS = [
  ["", ["overview", "acting"]],
  ["Activity", ["activity", "risk", "incidents"]],
  ["Access", ["staff", "invites", "impersonation", "ip-rules", "access-reviews"]],
  ["Evidence", ["calendar", "exports", "questions", "policies", "log"]],
  ["Tenant", ["settings", "sso-connections", "legal-holds"]],
  ["You", ["account", "sessions"]],
];

const page = (title, permission, load) => ({ title, permission, load, acting: false });

/** A page all of whose reading is served to somebody who acts in another person's name (`Route.impersonation`). */
const alsoActing = (title, permission, load) => ({ title, permission, load, acting: true });

/** `permission` is what GET /api/auth/me must list; "OWN_ACCOUNT" is everybody's. The API decides again on each request. */
export const PAGES = {
  acting: alsoActing("Acting in another name", null, () => import("../pages/acting.js")),
  overview: page("Overview", "SETTINGS_SECURITY_VIEW", () => import("../pages/overview.js")),
  activity: page("Activity log", "SETTINGS_SECURITY_VIEW", () => import("../pages/activity.js")),
  risk: page("Risk decisions", "SETTINGS_SECURITY_VIEW", () => import("../pages/risk.js")),
  incidents: page("Incidents", "SETTINGS_SECURITY_VIEW", () => import("../pages/incidents.js")),
  staff: alsoActing("Staff", "STAFF_VIEW", () => import("../pages/staff.js")),
  invites: page("Invites", "STAFF_MANAGE", () => import("../pages/invites.js")),
  impersonation: page("Impersonation", "SETTINGS_SECURITY_VIEW", () => import("../pages/impersonation.js")),
  "ip-rules": alsoActing("IP rules", "SETTINGS_SECURITY_VIEW", () => import("../pages/ip_rules.js")),
  "access-reviews": page("Access reviews", "SETTINGS_SECURITY_VIEW", () => import("../pages/access_reviews.js")),
  calendar: page("Evidence calendar", "SETTINGS_SECURITY_VIEW", () => import("../pages/calendar.js")),
  exports: page("Bundles", "SETTINGS_SECURITY_VIEW", () => import("../pages/exports.js")),
  questions: page("Auditor's questions", "SETTINGS_SECURITY_VIEW", () => import("../pages/questions.js")),
  policies: page("Policies", "SETTINGS_SECURITY_VIEW", () => import("../pages/policies.js")),
  log: page("Log and keys", "SETTINGS_SECURITY_VIEW", () => import("../pages/log.js")),
  settings: alsoActing("Security settings", "SETTINGS_SECURITY_VIEW", () => import("../pages/settings.js")),
  "sso-connections": alsoActing("Single sign-on", "SETTINGS_SECURITY_VIEW", () => import("../pages/sso_connections.js")),
  "legal-holds": alsoActing("Legal holds", "SETTINGS_SECURITY_VIEW", () => import("../pages/legal_holds.js")),
  account: page("Your account", "OWN_ACCOUNT", () => import("../pages/account.js")),
  sessions: page("Your sessions", "OWN_ACCOUNT", () => import("../pages/sessions.js")),
};

/** How many parts an address may have behind those pages that have places below them: `#/staff/<id>`, `#/ip-rules/<id>/remove`. */
const BELOW = { staff: 1, "ip-rules": 2, "access-reviews": 1, exports: 1, policies: 1, "sso-connections": 1 };

/** Whether there may be anything at the address `rest` below the page `name`; the page itself knows its ids. */
export const reaches = (name, rest) => rest.length <= (BELOW[name] || 0);

/** In another person's name there is a page about that, and of the others those alone that are served then. */
export function maySee(me, name) {
  const place = Object.hasOwn(PAGES, name) ? PAGES[name] : null;
  if (!place) return false;
  if (name === "acting") return Boolean(me.impersonation);
  return me.permissions.includes(place.permission) && (!me.impersonation || place.acting);
}

/** The first page of a person: administrators and auditors have an overview, everybody has an account. */
export function firstPage(me) {
  if (me.impersonation) return "acting";
  return maySee(me, "overview") && !me.must_enrol ? "overview" : "account";
}
