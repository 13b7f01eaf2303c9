// The Node peer of exporting: one report of the log in a ZIP by archiver; what export_peers.py is for Python.
import { createHash } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import archiver from "archiver";

const folder = process.argv[2];
const task = JSON.parse(readFileSync(join(folder, "task.json"), "utf8"));

function sorted(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

function record(cells) {
  return cells.map((cell) => `"${String(cell ?? "").replaceAll('"', '""')}"`).join(",") + "\r\n";
}

function row(index, event, leaf, criteria) {
  const { actor, context } = event;
  const change = event.change ?? {};
  const target = event.targets[0] ?? {};
  const metadata = { ...event.meta, ...(event.risk ?? {}) };
  const told = Object.keys(metadata).length ? JSON.stringify(sorted(metadata)) : "";
  return record([
    index, event.id, event.time, event.action, event.outcome, event.reason, actor.type, actor.id, null,
    event.on_behalf_of, target.type, target.id, event.resource, context.ip_net, context.country, null, actor.session,
    change.before, change.after, told, context.correlation_id, criteria, event.lane, event.seq, leaf,
  ]);
}

function* content() {
  let block = record(task.columns);
  let index = -1;
  for (const segment of task.segments) {
    for (const line of gunzipSync(readFileSync(join(folder, segment))).toString("utf8").split("\n")) {
      if (!line) continue;
      index += 1;
      const event = JSON.parse(line);
      const criteria = task.criteria[event.action];
      if (criteria === undefined) continue;
      const leaf = createHash("sha256").update("\0").update(line).digest("hex");
      block += row(index, event, leaf, criteria);
      if (block.length >= 65536) {
        yield Buffer.from(block);
        block = "";
      }
    }
  }
  yield Buffer.from(block);
}

const before = process.cpuUsage();
const archive = archiver("zip", { zlib: { level: 6 } });
const written = new Promise((resolve, reject) => {
  archive.on("error", reject);
  archive.pipe(createWriteStream(join(folder, "archiver.zip"))).on("close", resolve);
});
archive.append(Readable.from(content()), { name: task.name });
await archive.finalize();
await written;
const { user, system } = process.cpuUsage(before);
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "ascii"))[1] / 1024;
console.log(JSON.stringify({ cpu_seconds: (user + system) / 1e6, peak_mb: peak }));
