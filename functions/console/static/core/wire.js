// One HTTP exchange with the API, without any knowledge of sessions.
import { Unreachable, Unreadable, problemOf } from "./problem.js";

// A header that no form and no foreign page can send: what a cookie authenticates is taken with it alone.
const OWN_PAGE = { "x-muniment-csrf": "1" };
const PATIENCE_MS = 35_000; // the gateway gives up after thirty seconds

/**
 * Sends, and gives the body of a success (parsed JSON, or null for none). Throws Problem, Unreachable or Unreadable.
 * `query` leaves out what is empty; `token` is a bearer; `file` asks for the body's own octets, as a Blob; `keepalive` sends
 * although the page is being left; `onHeaders` is called with the headers of a success.
 */
export async function exchange(method, path, { body, query, token, signal, file, keepalive, onHeaders } = {}) {
  const headers = { ...OWN_PAGE, accept: file ? "*/*" : "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response;
  try {
    response = await fetch(addressed(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      keepalive,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new Unreachable();
  }
  if (!response.ok) throw await problemOf(response);
  onHeaders?.(response.headers);
  return file ? octetsOf(response) : bodyOf(response);
}

export function addressed(path, query = {}) {
  const parts = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(parts.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

const octetsOf = (response) =>
  response.blob().catch(() => {
    throw new Unreachable();
  });

async function bodyOf(response) {
  const text = await response.text().catch(() => {
    throw new Unreachable();
  });
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable();
  }
}
