// A file of the API, saved by the browser. The page fetches it, since a plain link would come without the bearer.
import { getFile } from "./api.js";

const KEPT_MS = 60_000; // the browser reads the address after the click, some of them late

/** Reads `path` and saves it as `name`. Throws what the API refused with. */
export async function download(path, query, name) {
  save(await getFile(path, query), name);
}

/** Saves a Blob that is there already. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
