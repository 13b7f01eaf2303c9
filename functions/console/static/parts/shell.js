// The console around a page: who is signed in, where one can go, and the banner of an impersonation.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../core/library.js";
import { address, link, replace } from "../core/address.js";
import { GROUPS, PAGES, firstPage, maySee, reaches } from "../core/pages.js";
import { session, signOut } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { ImpersonationBanner } from "./impersonation_banner.js";
import { NotYours } from "./no_such.js";
import { Page } from "./page.js";
import { Screen } from "./screen.js";

export function Shell() {
  const { me, acting } = useSignal(session);
  const { path, query } = useSignal(address);
  const [open, setOpen] = useState(false);
  const asked = path[0] || firstPage(me);
  const name = me.must_enrol && asked !== "acting" ? "account" : asked; // nothing else is served before the enrolment
  const here = path.join("/");
  useEffect(() => setOpen(false), [here]);
  useLayoutEffect(() => scrollTo(0, 0), [here]); // a page begins at its top, wherever the one before was left
  useActingOnly(name, me);
  const menu = useRef(null);
  const escaped = (event) => {
    if (event.key !== "Escape" || !open) return;
    setOpen(false);
    menu.current.focus();
  };
  return html`
    <a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <${ImpersonationBanner} />
    <div class="shell" onKeyDown=${escaped}>
      <header class="top">
        <a class="brand" href=${link([firstPage(me)])}>Muniment</a>
        <button ref=${menu} type="button" class="menu" aria-expanded=${open ? "true" : "false"} aria-controls="places" onClick=${() => setOpen(!open)}>
          Menu
        </button>
        <p class="who">
          <span>${me.staff.name || me.staff.email}</span>
          <span class="fine">${me.role} · ${me.tenant.name}</span>
        </p>
        <button type="button" onClick=${leave}>Sign out</button>
      </header>
      <nav id="places" class=${open ? "open" : ""} aria-label="Pages">
        ${GROUPS.map(([group, names]) => html`<${Group} group=${group} names=${names} me=${me} current=${name} />`)}
      </nav>
      <main id="content" tabindex="-1" key=${acting ? "acting" : "own"}>
        ${place(me, name, name === path[0] ? path.slice(1) : [], query)}
      </main>
    </div>
  `;
}

/** Where somebody acts in another name is no place any more once the tab was loaded anew: what has become of it is told. */
function useActingOnly(name, me) {
  const strayed = name === "acting" && !me.impersonation;
  useEffect(() => {
    if (!strayed) return;
    if (maySee(me, "impersonation")) replace(["impersonation"], { over: "left" });
    else replace([]);
  }, [strayed]);
}

function Group({ group, names, me, current }) {
  const seen = names.filter((name) => maySee(me, name) && (!me.must_enrol || ["account", "acting"].includes(name)));
  if (!seen.length) return null;
  return html`
    ${group && html`<h2>${group}</h2>`}
    <ul>
      ${seen.map(
        (name) => html`
          <li>
            <a href=${link([name])} aria-current=${name === current ? "page" : undefined}>${PAGES[name].title}</a>
          </li>
        `,
      )}
    </ul>
  `;
}

function place(me, name, rest, query) {
  if (!Object.hasOwn(PAGES, name)) return html`<${NoPage} />`;
  if (name === "acting" && !me.impersonation) return null;
  if (!maySee(me, name)) {
    const { title } = PAGES[name];
    return me.impersonation ? html`<${Page} title=${title} lead=${NOT_IN_ANOTHER_NAME} />` : html`<${NotYours} title=${title} />`;
  }
  if (!reaches(name, rest)) return html`<${NoPage} nearest=${name} />`;
  return html`<${Screen} key=${name} load=${PAGES[name].load} title=${PAGES[name].title} me=${me} path=${rest} query=${query} />`;
}

const NoPage = ({ nearest }) => html`
  <${Page}
    title="There is no such page"
    lead="Check the address, or choose a page."
    actions=${nearest && html`<a class="button" href=${link([nearest])}>${PAGES[nearest].title}</a>`}
  />
`;

const NOT_IN_ANOTHER_NAME = "This page is not shown to somebody who acts in another person's name. End the impersonation to see it as yourself.";

function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

async function leave() {
  await signOut();
  replace([]);
}
