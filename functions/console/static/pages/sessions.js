// Where one is signed in, and ending it: one session, all others, or all.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { replace } from "../core/address.js";
import { country, words } from "../core/format.js";
import { forget, signOut, take } from "../core/session.js";
import { Badge } from "../parts/badge.js";
import { Dialog } from "../parts/dialog.js";
import { Act } from "../parts/form.js";
import { Loaded, useRead } from "../parts/loaded.js";
import { Moment } from "../parts/moment.js";
import { Card, Page } from "../parts/page.js";
import { Table } from "../parts/table.js";

const AT_ONCE = 25;
const LEAD =
  "Each browser or program in which you are signed in. One that you do not know is a reason to end it, and to change your " +
  "password.";

export default function Sessions({ title, me }) {
  const [ended, setEnded] = useState(false);
  const [asked, setAsked] = useState(null); // what is to be ended: a session, "others" or "all"
  const read = useRead("/api/auth/sessions", ended ? { ended: "true" } : {});
  const done = (said) => {
    setAsked(null);
    read.reload();
    announce(said);
  };
  const own = !me.impersonation;
  return html`
    <${Page} title=${title} lead=${LEAD}>
      <${Loaded} read=${read} what="your sessions">
        ${({ sessions, truncated }) => html`
          <${Live} sessions=${sessions.filter(lives)} ask=${own ? setAsked : null} />
          ${ended && html`<${Ended} sessions=${sessions.filter((each) => !lives(each))} truncated=${truncated} />`}
        `}
      <//>
      <p>
        <button type="button" aria-expanded=${ended ? "true" : "false"} onClick=${() => setEnded(!ended)}>
          ${ended ? "Hide ended sessions" : "Show sessions that have ended"}
        </button>
      </p>
      ${asked && html`<${Ending} asked=${asked} close=${() => setAsked(null)} done=${done} />`}
    <//>
  `;
}

const lives = (each) => each.status === "ACTIVE";

function Live({ sessions, ask }) {
  const action = {
    head: "Action",
    cell: (each) => html`
      <button
        type="button"
        class="danger"
        aria-label=${each.current ? "Sign out here" : `End ${device(each)}`}
        onClick=${() => ask(each)}
      >
        ${each.current ? "Sign out" : "End"}
      </button>
    `,
  };
  const columns = [
    { head: "Device", cell: (each) => html`${device(each)} ${each.current && html`<${Badge} tone="good">this one<//>`}` },
    { head: "Where", cell: where },
    { head: "Signed in", cell: (each) => html`<${Moment} at=${each.created_at} />` },
    { head: "Last used", cell: (each) => html`<${Moment} at=${each.last_seen_at} />` },
    { head: "Ends by itself", cell: (each) => html`<${Moment} at=${firstLimit(each)} />` },
  ];
  return html`
    <${Card} title="Open sessions">
      <${Listed} caption="Open sessions" sessions=${sessions} columns=${ask ? [...columns, action] : columns} />
      ${ask &&
      html`
        <div class="buttons">
          ${sessions.length > 1 &&
          html`<button type="button" class="danger" onClick=${() => ask("others")}>End all others</button>`}
          <button type="button" class="danger" onClick=${() => ask("all")}>End all, this one too</button>
        </div>
      `}
    <//>
  `;
}

const Ended = ({ sessions, truncated }) => html`
  <${Card} title="Ended in the last thirty days">
    <${Listed}
      caption="Ended sessions"
      sessions=${sessions}
      columns=${[
        { head: "Device", cell: device },
        { head: "Where", cell: where },
        { head: "Signed in", cell: (each) => html`<${Moment} at=${each.created_at} />` },
        { head: "Ended", cell: (each) => (each.ended_at ? html`<${Moment} at=${each.ended_at} />` : "not known to the second") },
        { head: "Why", cell: (each) => REASONS[each.reason] || words(each.reason) },
      ]}
    />
    ${truncated && html`<p class="fine">There are more: only the newest thousand are looked at.</p>`}
  <//>
`;

function Listed({ caption, sessions, columns }) {
  const [shown, setShown] = useState(AT_ONCE);
  return html`
    <${Table}
      caption=${caption}
      rows=${sessions.slice(0, shown)}
      id=${(each) => each.session_id}
      columns=${columns}
      empty="There are none."
    />
    ${sessions.length > shown &&
    html`
      <p class="more">
        <span>${shown} of ${sessions.length} sessions</span>
        <button type="button" onClick=${() => setShown(shown + AT_ONCE)}>Show more</button>
      </p>
    `}
  `;
}

/** "Chrome/Linux" -> "Chrome on Linux"; a session that somebody else has in one's name says so. */
function device({ agent, impersonation }) {
  if (impersonation) return "An administrator in your name";
  if (!agent || agent === "unknown") return "Unknown device";
  const [family, system] = agent.split("/").map((word) => (word === "unknown" ? "an unknown one" : word));
  return `${family} on ${system}`;
}

const where = (each) => (each.impersonation ? "–" : country(each.country));

const firstLimit = (each) => (each.idle_expires_at < each.absolute_expires_at ? each.idle_expires_at : each.absolute_expires_at);

const REASONS = {
  logout: "Signed out",
  user_ended: "Ended by you",
  session_version: "All sessions were ended",
  factor_changed: "A second factor was changed",
  idle_expired: "Not used for too long",
  absolute_expired: "Its time was over",
  session_limit: "Too many sessions: the oldest ended",
  reuse_detected: "A token was used twice: it may have been stolen",
  session_blocked: "It looked like somebody else",
  deactivated: "The account was deactivated",
  impersonation_ended: "The impersonation ended",
};

const ENDINGS = {
  one: {
    title: "End this session?",
    text: (each) => `${device(each)} is signed out at once. What is typed there and not saved is lost.`,
    word: "End the session",
    act: async (each) => {
      await remove(`/api/auth/sessions/${encodeURIComponent(each.session_id)}`);
      return "The session has ended.";
    },
  },
  current: {
    title: "Sign out here?",
    text: () => "You are signed out in all tabs of this browser.",
    word: "Sign out",
    act: async () => {
      await signOut();
      replace([]);
    },
  },
  others: {
    title: "End all other sessions?",
    text: () => "Every other browser and program is signed out at once. This one goes on.",
    word: "End all others",
    act: async () => {
      take(await post("/api/auth/logout-all", { keep_current: true }));
      return "All your other sessions have ended.";
    },
  },
  all: {
    title: "End all sessions?",
    text: () => "You are signed out everywhere, here too, and sign in again to go on.",
    word: "End all",
    act: async () => {
      await post("/api/auth/logout-all", {});
      forget("All your sessions have ended.");
      replace([]);
    },
  },
};

function Ending({ asked, close, done }) {
  const kind = typeof asked === "string" ? asked : asked.current ? "current" : "one";
  const { title, text, word, act } = ENDINGS[kind];
  const end = async () => {
    const said = await act(asked);
    if (said) done(said);
  };
  return html`
    <${Dialog} title=${title} onClose=${close}>
      <p>${text(asked)}</p>
      <div class="buttons">
        <${Act} tone="main danger" act=${end}>${word}<//>
        <button type="button" onClick=${close}>Cancel</button>
      </div>
    <//>
  `;
}
