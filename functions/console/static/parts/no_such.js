// An address that names something by an id. What cannot be an id is asked of nobody: ".." would make another path of it.
import { html } from "../core/library.js";
import { Page } from "./page.js";

const ID = /^[A-Za-z0-9_-]+$/;

export const isId = (text) => ID.test(text);

/** `what` as in "There is no such person"; `back` leads to those that there are. */
export const NoSuch = ({ what, back }) => html`
  <${Page} title=${`There is no such ${what}`} lead="Check the address, or choose one from the list." actions=${back} />
`;

/** What is there, and not for this role; `back` leads to what is. */
export const NotYours = ({ title, back }) => html`
  <${Page} title=${title} lead="Your role does not hold the permission for it. Ask an owner of the tenant." actions=${back} />
`;
