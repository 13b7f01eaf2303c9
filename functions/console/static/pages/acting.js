// The page of whoever acts in another person's name: whose it is, why, until when, and what of the console is served.
import { html } from "../core/library.js";
import { link } from "../core/address.js";
import { PAGES, maySee } from "../core/pages.js";
import { session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { Badge } from "../parts/badge.js";
import { Moment } from "../parts/moment.js";
import { Card, Page } from "../parts/page.js";

export default function Acting({ me }) {
  const { acting } = useSignal(session);
  if (!acting) return null;
  const { impersonation } = acting;
  const name = me.staff.name || me.staff.email;
  const own = acting.own.staff.name || acting.own.staff.email;
  return html`
    <${Page} title=${`You act as ${name}`} lead="In this tab only. Other tabs of the console stay your own.">
      <${Card} title="This impersonation">
        <dl class="facts">
          <dt>In the name of</dt>
          <dd>${name} (${me.staff.email}), ${me.role}</dd>
          <dt>Done by</dt>
          <dd>${own}: you stand as the actor in every entry of the log</dd>
          <dt>Mode</dt>
          <dd><${Mode} mode=${impersonation.mode} /></dd>
          <dt>Reason</dt>
          <dd>${impersonation.reason}</dd>
          ${impersonation.ticket && html`<dt>Ticket</dt><dd>${impersonation.ticket}</dd>`}
          <dt>Ends by itself</dt>
          <dd><${Moment} at=${impersonation.expires_at} /></dd>
        </dl>
      <//>
      <${Card} title="What you see here">
        <${Served} me=${me} name=${name} />
      <//>
    <//>
  `;
}

const Mode = ({ mode }) =>
  mode === "read"
    ? html`<${Badge} tone="plain">read<//> Programs that trust Muniment are told that nothing may be changed.`
    : html`<${Badge} tone="warn">write<//> Programs that trust Muniment are told that changes are allowed.`;

function Served({ me, name }) {
  const places = Object.keys(PAGES).filter((place) => place !== "acting" && maySee(me, place));
  return html`
    ${places.length
      ? html`
          <p>Of the console, what ${name} may see and is not that person's own:</p>
          <ul>
            ${places.map((place) => html`<li><a href=${link([place])}>${PAGES[place].title}</a></li>`)}
          </ul>
        `
      : html`<p>Of the console, nothing: the role ${me.role} sees only what is the person's own, and that stays closed.</p>`}
    <p class="fine">
      Whatever the mode, the account, password, factors and sessions of the person cannot be touched, nobody can be administered,
      and no evidence can be taken out in another person's name. Each attempt is refused, and recorded.
    </p>
  `;
}
