// A value that components watch: the session, the question of a dialog, what is announced.
import { useEffect, useState } from "./library.js";

/** Gives `{get, set, watch}`; `watch` calls back after each change and gives what ends it. */
export function signal(first) {
  let value = first;
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

/** The value of a signal, as it is now and after each change. */
export function useSignal(watched) {
  const [value, setValue] = useState(watched.get());
  useEffect(() => {
    setValue(watched.get());
    return watched.watch(setValue);
  }, [watched]);
  return value;
}
