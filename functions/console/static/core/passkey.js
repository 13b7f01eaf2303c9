// Passkeys (WebAuthn 3): between the JSON of the API and the octets of the browser.
const toOctets = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));

const toText = (octets) =>
  btoa(String.fromCharCode(...new Uint8Array(octets)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** Whether this browser can make and use passkeys at all. */
export const passkeysWork = () => Boolean(window.PublicKeyCredential && navigator.credentials);

const SAID = {
  InvalidStateError: "This device holds a passkey of your account already.",
  SecurityError: "Passkeys of this service do not work at this address. Open the console at its usual address.",
};

/** The browser's own ceremony; what it throws is said in words: closed, too late, or not possible here. */
async function ceremony(asking) {
  try {
    return await asking();
  } catch (fault) {
    const message = SAID[fault.name] || "It was closed, or took too long. Nothing was changed: try again, or use another way.";
    throw Object.assign(new Error(message), { title: "No passkey was used", errors: [] });
  }
}

const withOctets = (listed) => (listed || []).map((each) => ({ ...each, id: toOctets(each.id) }));

/** Lets an authenticator answer a challenge; `options` is `{publicKey}` as the API gave it. Throws if nobody answered. */
export async function answerWithPasskey({ publicKey }) {
  const wanted = {
    ...publicKey,
    challenge: toOctets(publicKey.challenge),
    allowCredentials: withOctets(publicKey.allowCredentials),
  };
  const made = await ceremony(() => navigator.credentials.get({ publicKey: wanted }));
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
  const wanted = {
    ...publicKey,
    challenge: toOctets(publicKey.challenge),
    user: { ...publicKey.user, id: toOctets(publicKey.user.id) },
    excludeCredentials: withOctets(publicKey.excludeCredentials),
  };
  const made = await ceremony(() => navigator.credentials.create({ publicKey: wanted }));
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
