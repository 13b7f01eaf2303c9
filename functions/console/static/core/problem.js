// What can go wrong between the console and the API, as errors that a page shows as they are.

/** The API refused (RFC 9457). `code` is for programs, `detail` a sentence for people, `errors` name members of the body. */
export class Problem extends Error {
  constructor(status, document, headers) {
    super(document.detail || document.title || `The API answered ${status}.`);
    this.status = status;
    this.code = document.code || "unknown";
    this.title = document.title || "The request was refused";
    this.detail = document.detail || "";
    this.errors = document.errors || [];
    this.requestId = document.request_id || "";
    this.retryAfter = Number(headers?.get("retry-after")) || 0;
    this.document = document;
  }
}

/** There was no answer, or none of the API: the network is away, or something in between answered. Nothing is known. */
export class Unreachable extends Error {
  constructor() {
    super("The service did not answer. If you were changing something, look whether it was done before you try again.");
    this.title = "No answer";
    this.code = "unreachable";
    this.errors = [];
  }
}

/** There was an answer of success that says nothing the console understands: of something in between, or of another version. */
export class Unreadable extends Error {
  constructor() {
    super("The service answered in a way that the console does not understand. Try again; if it stays so, tell whoever runs the service.");
    this.title = "The answer could not be read";
    this.code = "unreadable";
    this.errors = [];
  }
}

/** The person closed the question that the API had asked: nothing was sent again, and there is nothing to report. */
export class Declined extends Error {
  constructor() {
    super("Nothing was changed: the proof of identity was not given.");
    this.title = "Not done";
    this.code = "declined";
    this.errors = [];
  }
}

/** Reads the body of an answer that is no success. */
export async function problemOf(response) {
  const type = response.headers.get("content-type") || "";
  if (!type.includes("json")) return new Unreachable();
  const document = await response.json().catch(() => ({}));
  return new Problem(response.status, document, response.headers);
}
