// What is chosen on a page, kept in its address: it can be opened again as it was, and sent to somebody.
import { useEffect } from "../core/library.js";
import { replace } from "../core/address.js";

const PAUSE_MS = 400; // browsers allow so many changes of the address; nobody needs each letter in it

export function useKeptAddress(path, values) {
  const kept = JSON.stringify([path, values]);
  useEffect(() => {
    const soon = setTimeout(() => replace(...JSON.parse(kept)), PAUSE_MS);
    return () => clearTimeout(soon);
  }, [kept]);
}
