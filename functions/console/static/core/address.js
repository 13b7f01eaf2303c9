// Where in the console we are: the fragment, "#/staff/abc?role=admin" -> `{path: ["staff", "abc"], query: {role: "admin"}}`.
import "./arrival.js"; // takes out of the fragment what is no place of the console
import { signal } from "./signal.js";

/** What no console of ours has encoded stays as it is: there is no such page. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const read = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decoded),
    query: Object.fromEntries(new URLSearchParams(query || "")),
  };
};

export const address = signal(read());
window.addEventListener("hashchange", () => address.set(read()));

/** "#/staff/abc?role=admin" from `(["staff", "abc"], {role: "admin"})`; empty values are left out. */
export function link(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const text = new URLSearchParams(kept).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

export function go(path, query) {
  location.hash = link(path, query);
}

/** As `go`, without a step in the history: for filters, and after a sign-out. */
export function replace(path, query) {
  history.replaceState(null, "", `${location.pathname}${link(path, query)}`);
  address.set(read());
}
