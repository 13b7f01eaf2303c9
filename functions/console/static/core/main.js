// The start: what the address asks for, who is signed in, and the console around the page.
import { html, render, useEffect } from "./library.js";
import { replace } from "./address.js";
import { arrival } from "./arrival.js";
import { prove } from "./step_up.js";
import { resume, session, showSignIn } from "./session.js";
import { useSignal } from "./signal.js";
import { Announcement } from "../parts/announcement.js";
import { Door } from "../parts/door.js";
import { Failed, Loading } from "../parts/loaded.js";
import { Screen } from "../parts/screen.js";
import { Shell } from "../parts/shell.js";
import { SignInAgain } from "../parts/sign_in_again.js";
import { StepUpDialog } from "../parts/step_up_dialog.js";

// What is reached by a link of a mail, and is nobody's session: by path, since the fragment carries the token.
const OUTSIDE = {
  "/accept-invite": () => import("../pages/accept_invite.js"),
  "/reset-password": () => import("../pages/reset_password.js"),
};
const signInPage = () => import("../pages/sign_in.js");

function Console() {
  const { phase, fault } = useSignal(session);
  const outside = OUTSIDE[location.pathname];
  useEffect(() => {
    if (!outside) start();
  }, []);
  return html`
    ${view(outside, phase, fault)}
    <${StepUpDialog} />
    <${SignInAgain} />
    <${Announcement} />
  `;
}

function view(outside, phase, fault) {
  if (outside) return html`<${Screen} load=${outside} title="Muniment" />`;
  if (phase === "starting") return html`<main class="door"><${Loading} what="the console" /></main>`;
  if (phase === "away") return html`<${Door} title="Muniment cannot be opened"><${Failed} fault=${fault} again=${start} /><//>`;
  if (phase === "out") return html`<${Screen} load=${signInPage} title="Sign in" />`;
  return html`<${Shell} />`;
}

/** A code of single sign-on has arrived: the page of signing in exchanges it, whoever was signed in before. */
async function start() {
  if (arrival.code) return showSignIn("");
  await resume(prove);
  if (arrival.failed && session.get().phase === "in") replace(["account"]);
}

render(html`<${Console} />`, document.getElementById("console"));
