// A page whose module is loaded when it is opened; keeps its place while it loads and says when it cannot be had.
import { html, useEffect, useState } from "../core/library.js";
import { session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { Failed, Loading } from "./loaded.js";

export function Screen({ load, title, ...given }) {
  const [loaded, setLoaded] = useState(null);
  useEffect(() => {
    let wanted = true;
    setLoaded(null);
    load().then(
      (module) => wanted && setLoaded({ Page: module.default }),
      () => wanted && setLoaded({ fault: GONE }),
    );
    return () => (wanted = false);
  }, [load]);
  const { acting } = useSignal(session);
  useEffect(() => {
    const shown = title === "Muniment" ? title : `${title} · Muniment`;
    document.title = acting ? `Impersonation · ${shown}` : shown; // among the tabs of the browser it is told apart
  }, [title, acting]);
  if (!loaded) return html`<${Loading} what="the page" />`;
  if (loaded.fault) return html`<${Failed} fault=${loaded.fault} again=${() => location.reload()} word="Load the console again" />`;
  return html`<${loaded.Page} title=${title} ...${given} />`;
}

const GONE = {
  title: "The page could not be loaded",
  message: "The connection is away, or the console was updated since it was opened.",
};
