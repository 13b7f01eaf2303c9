// One more address rule, or one less: tried out on the sign-ins of the last thirty days before it is saved.
import { html, useEffect, useRef, useState } from "../core/library.js";
import { go, link } from "../core/address.js";
import { announce } from "../core/announce.js";
import { post, remove } from "../core/api.js";
import { Field, Form, useField } from "./form.js";
import { Failed, Loading } from "./loaded.js";
import { Simulation } from "./ip_rule_simulation.js";
import { Card, Page } from "./page.js";

const ACTIONS = [
  ["deny", "Deny: refuse whoever comes from there"],
  ["allow", "Allow: let in whoever comes from there, and refuse the rest"],
];
const MAKING = { what: "If this rule had been there", word: "Make the rule" };
const REMOVING = { what: "If this rule had not been there", word: "Remove the rule" };
const back = html`<a class="button" href=${link(["ip-rules"])}>Back to the rules</a>`;
const simulate = (body) => post("/api/ip-rules/simulate", body);

/** `rules` are those that there are, `address` the author's own; `done` is called after a change. */
export function NewRule({ me, people, rules, address, done }) {
  const [tried, setTried] = useState(null); // {body, answer} of the rule that stands in the form
  const [note, noteField] = useField("");
  const [action, setAction] = useState("deny");
  const turn = useRef(0); // what was found out about one rule says nothing of another that was typed meanwhile
  const forget = () => {
    turn.current += 1;
    setTried(null);
  };
  const tryOut = async ({ cidr }) => {
    const mine = turn.current;
    const body = { cidr: cidr.trim(), action };
    const answer = await simulate(body);
    if (turn.current === mine) setTried({ body, answer });
  };
  return html`
    <${Page} title="Add a rule" lead="First see whom it would refuse. Nothing is saved before that." actions=${back}>
      <${Card} title="The rule">
        <div class="narrow"><${Form} send=${tryOut} submit="See whom it refuses">
          <${Field}
            name="cidr"
            label="Network"
            hint=${`An address, or a network in CIDR notation, as 203.0.113.0/24.${address ? ` Your own address is ${address}.` : ""}`}
            onInput=${forget}
            autocomplete="off"
            autocapitalize="none"
            spellcheck=${false}
            required
          />
          <${Field}
            name="action"
            label="What becomes of it"
            kind="select"
            options=${ACTIONS}
            value=${action}
            hint=${action === "allow" ? firstAllow(rules) : ""}
            onInput=${(event) => {
              setAction(event.target.value);
              forget();
            }}
          />
          <${Field}
            name="note"
            label="Note"
            hint="What the rule is for. Administrators see it; it is kept out of the log."
            maxlength="200"
            ...${noteField}
          />
        <//></div>
      <//>
      ${tried && html`<${Trial} ...${{ me, people, tried, ...MAKING }} save=${made(tried, note, done)} />`}
    <//>
  `;
}

const firstAllow = (rules) =>
  rules.some((rule) => rule.action === "allow")
    ? ""
    : "This would be the first allow rule: from then on, whoever comes from any other network is refused. An IPv4 rule lets in no IPv6.";

const made =
  ({ body }, note, done) =>
  async (confirm) => {
    await post("/api/ip-rules", { ...body, ...(note.trim() && { note: note.trim() }), ...(confirm && { confirm }) });
    announce("The rule counts. Confirm it within five minutes, or it is undone.");
    done();
  };

export function RemoveRule({ me, people, rules, id, done }) {
  const [tried, setTried] = useState({});
  const rule = rules.find((each) => each.rule_id === id);
  const tryOut = () => {
    setTried({});
    simulate({ without: id }).then(
      (answer) => setTried({ answer }),
      (fault) => setTried({ fault }),
    );
  };
  useEffect(() => {
    if (rule) tryOut();
  }, [id, Boolean(rule)]);
  if (!rule) return html`<${Page} title="There is no such rule" lead="It may have been removed meanwhile." actions=${back} />`;
  const save = async (confirm) => {
    await remove(`/api/ip-rules/${encodeURIComponent(id)}`, confirm ? { confirm: true } : {});
    announce("The rule no longer counts. Confirm it within five minutes, or it comes back.");
    done();
  };
  return html`
    <${Page}
      title=${`Remove: ${rule.action} ${rule.cidr}`}
      lead="First see whom the rules would refuse without it. Nothing has changed yet."
      actions=${back}
    >
      ${tried.fault && html`<${Failed} fault=${tried.fault} again=${tryOut} />`}
      ${!tried.answer && !tried.fault && html`<${Loading} what="the sign-ins of the last thirty days" />`}
      ${tried.answer && html`<${Trial} ...${{ me, people, tried, ...REMOVING }} save=${save} />`}
    <//>
  `;
}

/** What was found, and the button that does it; who would lock himself out says that he means it. */
function Trial({ me, people, tried, what, save, word }) {
  const [risk, setRisk] = useState(tried.answer.refuses_you);
  const send = async ({ lockout }) => {
    try {
      await save(Boolean(lockout));
    } catch (fault) {
      if (fault.code === "lockout_risk") setRisk(true);
      throw fault;
    }
  };
  return html`
    <${Simulation} answer=${tried.answer} me=${me} people=${people} title=${what} />
    <${Card} title=${word}>
      <p>
        It counts at once. Within five minutes you confirm it on the next page, from an address that the rules let in. Without
        that it is undone by itself.
      </p>
      <${Form} send=${send} submit=${word} tone=${risk || tried.answer.refused.length ? "danger" : ""} cancel=${() => go(["ip-rules"])}>
        ${risk && html`<${Lockout} address=${tried.answer.your_address} />`}
      <//>
    <//>
  `;
}

const Lockout = ({ address }) => html`
  <div class="notice bad">
    <strong>You would lock yourself out.</strong>
    <p>
      The rules would refuse your own address${address ? ` (${address})` : ""}: this console would answer you no more, and you
      could not confirm from here. Unless somebody confirms from another address, all is as before after five minutes.
    </p>
    <${Field} name="lockout" kind="checkbox" label="I know that I will be locked out from here, and want it all the same." required />
  </div>
`;
