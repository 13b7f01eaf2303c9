// Who is behind a staff id. Whoever may not see the people of the tenant (an auditor) sees ids, as in the evidence.
import { html, useEffect, useState } from "../core/library.js";
import { get } from "../core/api.js";

const PAGE = 500;
const MOST_PAGES = 6; // names are a comfort: a page does not wait for those of a whole corporation

/** Gives everybody as far as he may be seen: `{people, of: (id) => person or undefined}`; nobody while they are read. */
export function usePeople(me) {
  const [people, setPeople] = useState([]);
  const may = me.permissions.includes("STAFF_VIEW");
  useEffect(() => {
    const stop = new AbortController();
    // Without names the page still says all that it must, by ids.
    if (may) read(stop.signal).then((found) => stop.signal.aborted || setPeople(found)).catch(() => null);
    return () => stop.abort();
  }, [may]);
  return { people, of: (id) => people.find((person) => person.staff_id === id) };
}

async function read(signal) {
  const found = [];
  let cursor;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const page = await get("/api/staff", { limit: PAGE, cursor }, signal);
    found.push(...page.staff);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return found;
}

/** A person by name, where there is one, and the id; `me` marks the reader himself. */
export function Name({ id, people, me }) {
  const name = people.of(id)?.name || people.of(id)?.email;
  const own = me && me.staff.staff_id === id ? " (you)" : "";
  return html`<span class="person">${name || id}${own}${name && html` <span class="fine figures">${id}</span>`}</span>`;
}

/** The same where markup is no use: in a sentence, or an option. */
export const nameOf = (id, people) => people.of(id)?.name || people.of(id)?.email || id;
