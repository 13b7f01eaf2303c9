// The people of the tenant, where a page names them by id or lets one of them be chosen.
import { html, useEffect, useState } from "../core/library.js";
import { get } from "../core/api.js";
import { link } from "../core/address.js";
import { Failed, Loading } from "./loaded.js";
import { nameOf } from "./staff_badges.js";

const AT_ONCE = 500; // what the API gives in one answer
const MOST_ANSWERS = 10; // a tenant of more people than this is searched on the page of the staff
const SHOWN = 5;

/** `{people, fault, complete}`; `people` is null while they are read, and empty for whoever may not see them. */
export function usePeople(me) {
  const [state, setState] = useState({ people: null, fault: null, complete: false });
  const sees = me.permissions.includes("STAFF_VIEW");
  useEffect(() => {
    if (!sees) return setState({ people: [], fault: null, complete: false });
    const stop = new AbortController();
    everybody(stop.signal).then(
      (found) => stop.signal.aborted || setState({ ...found, fault: null }),
      (fault) => stop.signal.aborted || setState({ people: [], fault, complete: false }),
    );
    return () => stop.abort();
  }, [sees]);
  return state;
}

async function everybody(signal) {
  const people = [];
  let cursor;
  for (let count = 0; count < MOST_ANSWERS; count += 1) {
    const answer = await get("/api/staff", { limit: AT_ONCE, cursor }, signal);
    people.push(...answer.staff);
    cursor = answer.next_cursor;
    if (!cursor) return { people, complete: true };
  }
  return { people, complete: false };
}

/** The name of an id, leading to the person's page where `me` may see it; the id where no name is known. */
export function Named({ id, people, me }) {
  const person = (people || []).find((one) => one.staff_id === id);
  const text = !person || person.status === "ERASED" ? html`<code class="whole">${id}</code>` : nameOf(person);
  if (!me.permissions.includes("STAFF_VIEW") || person?.status === "ERASED") return text;
  return html`<a href=${link(["staff", id])}>${text}</a>`;
}

/**
 * Chooses one of `read.people` who are `fit`, as the field `name` of the form around it. `first` is the id that is chosen
 * from the start; `onChoose` gets the person.
 */
export function PersonChoice({ name, legend, read, fit, first, onChoose, empty }) {
  const [find, setFind] = useState("");
  const [chosen, setChosen] = useState(first || "");
  if (read.fault) return html`<${Failed} fault=${read.fault} />`;
  // What is required and not there yet: the form is not sent without it.
  if (!read.people) return html`<${Loading} what="the people" /><input class="unseen" aria-label=${legend} tabindex="-1" required />`;
  const fitting = read.people.filter(fit);
  const found = fitting.filter((person) => person.staff_id !== chosen && isFound(person, find));
  const picked = fitting.find((person) => person.staff_id === chosen);
  const choose = (person) => {
    setChosen(person.staff_id);
    onChoose?.(person);
  };
  if (!fitting.length) return html`<p class="empty">${empty}</p>`;
  return html`
    <fieldset class="choices">
      <legend>${legend}</legend>
      <input
        type="search"
        aria-label="Search by name, e-mail or id"
        placeholder="Search by name, e-mail or id"
        autocomplete="off"
        value=${find}
        onInput=${(event) => setFind(event.target.value)}
      />
      ${[picked, ...(picked && !find ? [] : found.slice(0, SHOWN))].filter(Boolean).map(
        (person) => html`
          <label class="choice" key=${person.staff_id}>
            <input
              type="radio"
              name=${name}
              value=${person.staff_id}
              checked=${person.staff_id === chosen}
              required
              onChange=${() => choose(person)}
            />
            <span>${nameOf(person)} <span class="below">${person.email}, ${person.role}</span></span>
          </label>
        `,
      )}
      <p class="fine" role="status">${picked && !find ? "To choose somebody else, search." : rest(found, find, read.complete)}</p>
    </fieldset>
  `;
}

function isFound(person, find) {
  const text = `${person.name} ${person.email} ${person.staff_id}`.toLowerCase();
  return find.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function rest(found, find, complete) {
  const more = found.length - SHOWN;
  if (more > 0) return `${more} more: type a part of the name or the address.`;
  if (!found.length && find) return complete ? "Nobody else matches." : "Nobody else among the first people matches.";
  return "";
}
