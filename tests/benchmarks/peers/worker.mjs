// The measuring loop of the Node peers: what tests/benchmarks/worker.py is for Python, with the same rules.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export async function serve(prepare, versions) {
  console.log = console.info = console.warn = console.error; // an order gets exactly one line
  let operations;
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (operations === undefined) {
      operations = await prepare(order);
      process.stdout.write(JSON.stringify({ versions }) + "\n");
    } else {
      process.stdout.write(JSON.stringify(await measured(operations[order.operation], order.count)) + "\n");
    }
  }
}

async function measured(operation, count) {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  for (let done = 0; done < count; done += 1) await operation();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu_seconds: (user + system) / 1e6, wall_seconds: (performance.now() - wall) / 1e3 };
}

export function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url))).version;
}
