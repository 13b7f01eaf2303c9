// The password: whoever knows the old one sets a new one.
import { html, useState } from "../core/library.js";
import { announce } from "../core/announce.js";
import { post } from "../core/api.js";
import { take } from "../core/session.js";
import { Form } from "./form.js";
import { Card } from "./page.js";
import { NewPassword, PasswordField, atField, sendNewPassword } from "./password_field.js";

export function PasswordChange({ me }) {
  const [turn, setTurn] = useState(0);
  const done = (answer) => {
    take(answer);
    setTurn(turn + 1); // the fields begin anew
    announce("Your password is changed. All your other sessions have ended.");
  };
  return html`
    <${Card} title="Password">
      <p>A new password ends all your other sessions, here and on other devices.</p>
      <div class="narrow" key=${turn}>
        <${Form} send=${change} onDone=${done} submit="Change the password">
          <input type="email" name="username" value=${me.staff.email} autocomplete="username" readonly hidden />
          <${PasswordField} name="current" label="Current password" what="the current password" autocomplete="current-password" />
          <${NewPassword} name="new" />
        <//>
      </div>
    <//>
  `;
}

const change = ({ username, ...values }) =>
  sendNewPassword(values, "new", (body) =>
    post("/api/auth/password", body).catch((fault) => {
      if (fault.code !== "invalid_credentials") throw fault;
      throw atField("current", "This is not your password.", "The password is not right");
    }),
  );
