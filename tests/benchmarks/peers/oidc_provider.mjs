// oidc-provider with its in-memory adapter: the refresh grant with rotation, on its request listener, without sockets.
// Its output is made equal to ours: one rotated refresh token and one ES256 access token, no ID token.
import { generateKeyPairSync } from "node:crypto";
import inject from "light-my-request";
import { Provider } from "oidc-provider";
import { serve, versionOf } from "./worker.mjs";

const AUDIENCE = "urn:muniment:benchmark";

async function prepare() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider("http://localhost", configuration(privateKey.export({ format: "jwk" })));
  let token = await firstToken(provider);
  const listener = provider.callback();
  return {
    async refresh() {
      const answer = JSON.parse(await post(listener, token));
      if (!answer.refresh_token || answer.refresh_token === token) throw new Error("not rotated");
      if (answer.access_token.split(".").length !== 3) throw new Error("no signed access token");
      token = answer.refresh_token;
    },
    async "refresh.empty"() {
      JSON.parse(await post((_, response) => response.end("{}"), token));
    },
  };
}

function configuration(jwk) {
  return {
    clients: [
      {
        client_id: "c",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["https://client.example/callback"],
        id_token_signed_response_alg: "ES256",
      },
    ],
    jwks: { keys: [{ ...jwk, alg: "ES256", use: "sig" }] },
    rotateRefreshToken: true,
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "read",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

async function firstToken(provider) {
  const now = Math.floor(Date.now() / 1000);
  const grant = new provider.Grant({ accountId: "u", clientId: "c" });
  grant.addOIDCScope("offline_access");
  grant.addResourceScope(AUDIENCE, "read");
  const token = new provider.RefreshToken({
    accountId: "u",
    client: await provider.Client.find("c"),
    grantId: await grant.save(),
    scope: "offline_access read",
    gty: "authorization_code",
    resource: AUDIENCE,
    authTime: now,
    iiat: now,
    rotations: 0,
    claims: {},
  });
  return token.save();
}

async function post(listener, token) {
  const response = await inject(listener, {
    method: "POST",
    url: "/token",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    payload: `grant_type=refresh_token&client_id=c&refresh_token=${token}`,
  });
  if (response.statusCode !== 200) throw new Error(response.payload);
  return response.payload;
}

await serve(prepare, { "oidc-provider": versionOf("oidc-provider"), "Node.js": process.versions.node });
