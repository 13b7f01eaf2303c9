// Passkeys (WebAuthn 3): between the JSON of the API and the octets of the browser.
const toOctets = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));

const toText = (octets) =>
  btoa(String.fromCharCode(...new Uint8Array(octets)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const withOctets = (listed) => (listed || []).map((each) => ({ ...each, id: toOctets(each.id) }));

/** Lets an authenticator answer a challenge; `options` is `{publicKey}` as the API gave it. Throws if nobody answered. */
export async function answerWithPasskey({ publicKey }) {
  const made = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: toOctets(publicKey.challenge),
      allowCredentials: withOctets(publicKey.allowCredentials),
    },
  });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  return {
    ...named(made),
    response: {
      authenticatorData: toText(authenticatorData),
      clientDataJSON: toText(clientDataJSON),
      signature: toText(signature),
      userHandle: userHandle ? toText(userHandle) : undefined,
    },
  };
}

/** Lets an authenticator make a passkey; gives what the API takes to register it. */
export async function makePasskey({ publicKey }) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: toOctets(publicKey.challenge),
      user: { ...publicKey.user, id: toOctets(publicKey.user.id) },
      excludeCredentials: withOctets(publicKey.excludeCredentials),
    },
  });
  const { attestationObject, clientDataJSON } = made.response;
  return {
    ...named(made),
    response: {
      attestationObject: toText(attestationObject),
      clientDataJSON: toText(clientDataJSON),
      transports: made.response.getTransports?.() || [],
    },
  };
}

const named = (made) => ({
  id: made.id,
  rawId: toText(made.rawId),
  type: made.type,
  clientExtensionResults: made.getClientExtensionResults(),
});
