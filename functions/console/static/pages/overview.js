// The first page: what needs attention, then how things stand. Each card reads for itself and fails for itself.
import { html, useMemo } from "../core/library.js";
import { maySee } from "../core/pages.js";
import { Page } from "../parts/page.js";
import { Attention, concernsOf } from "../parts/concerns.js";
import { useRead } from "../parts/loaded.js";
import { lastDays, quarterOf, zone } from "../parts/period.js";
import { Bundles, Checkpoint, Coverage, Impersonations, Incidents, Obligations, People, Reviews } from "../parts/posture.js";

const CALENDAR = "/api/compliance/calendar";
const ACCESS_LIST = "/api/compliance/access-list";

export default function Overview({ title, me }) {
  if (me.impersonation) {
    const lead = "The state of the tenant is not shown to somebody who acts in another person's name.";
    return html`<${Page} title=${title} lead=${lead} />`;
  }
  return html`<${Posture} title=${title} me=${me} />`;
}

function Posture({ title, me }) {
  const periods = useMemo(() => {
    const now = new Date();
    return { running: quarterOf(now), before: quarterOf(now, 1), month: lastDays(30, now) };
  }, []);
  const reads = usePosture(periods);
  const all = Object.values(reads);
  const busy = all.some((read) => read.busy);
  const again = () => all.forEach((read) => read.reload());
  const actions = html`<button type="button" disabled=${busy} onClick=${again}>${busy ? "Reading …" : "Read again"}</button>`;
  const given = { reads, periods, sees: (name) => maySee(me, name) };
  return html`
    <${Page} title=${title} lead=${`How ${me.tenant.name} stands at the moment.`} actions=${actions}>
      <${Attention} concerns=${concernsOf(given)} busy=${busy} />
      <div class="standing">
        <${Coverage} name="This quarter" period=${periods.running} read=${reads.running} />
        <${Coverage} name="Last quarter" period=${periods.before} read=${reads.before} />
        <${Checkpoint} read=${reads.checkpoint} />
        <${Incidents} read=${reads.questions} period=${periods.month} />
        <${People} read=${reads.people} me=${me} ...${given} />
        <${Impersonations} read=${reads.impersonations} />
        <${Reviews} read=${reads.reviews} />
        <${Bundles} read=${reads.exports} />
      </div>
      <${Obligations} reads=${[reads.before, reads.running]} />
    <//>
  `;
}

/** All at once: none of these asks for a proof, and none waits for another. */
function usePosture({ running, before, month }) {
  return {
    running: useRead(CALENDAR, { from: running.from, to: running.to }),
    before: useRead(CALENDAR, { from: before.from, to: before.to }),
    checkpoint: useRead("/api/compliance/log/checkpoint", { format: "json" }),
    questions: useRead("/api/compliance/questions", { from: month.from, to: month.to, tz: zone }),
    people: useRead(ACCESS_LIST, { scope: "all" }),
    // Read by itself: a list of everybody is refused to a large tenant, and the alarm must not go with it.
    administrators: useRead(ACCESS_LIST, { scope: "administrators" }),
    impersonations: useRead("/api/impersonation"),
    reviews: useRead("/api/compliance/access-reviews"),
    exports: useRead("/api/compliance/exports", { kind: "bundle" }),
  };
}
