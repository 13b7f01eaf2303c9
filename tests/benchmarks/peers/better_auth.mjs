// better-auth with its memory adapter: the session check, on its Fetch handler, without sockets.
// Its session cache in the cookie stays off, as it is by default: with it a revoked session would go on for minutes.
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { serve, versionOf } from "./worker.mjs";

const BASE = "http://localhost:3000";

async function prepare() {
  const auth = betterAuth({
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    secret: "not-a-secret-but-long-enough-for-a-benchmark",
    baseURL: BASE,
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  });
  const cookie = await signedUp(auth);
  return {
    async check() {
      const session = await (await auth.handler(request(cookie))).json();
      if (!session?.user) throw new Error("no session");
    },
    async "check.empty"() {
      await (await empty(request(cookie))).json();
    },
  };
}

async function signedUp(auth) {
  const person = { email: "ada@client.example", password: "correct horse battery", name: "Ada" };
  const answer = await auth.handler(
    new Request(`${BASE}/api/auth/sign-up/email`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(person),
    }),
  );
  if (answer.status !== 200) throw new Error(await answer.text());
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
}

function request(cookie) {
  return new Request(`${BASE}/api/auth/get-session`, { headers: { cookie } });
}

async function empty() {
  return new Response("{}");
}

await serve(prepare, { "better-auth": versionOf("better-auth"), "Node.js": process.versions.node });
