// A page whose module is loaded when it is opened; keeps its place while it loads and says when it cannot be had.
import { Component, html, useEffect, useState } from "../core/library.js";
import { session } from "../core/session.js";
import { useSignal } from "../core/signal.js";
import { Failed, Loading } from "./loaded.js";
import { Page } from "./page.js";

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
  return html`
    <${Boundary} title=${title} at=${JSON.stringify([given.path, given.query])}>
      <${loaded.Page} title=${title} ...${given} />
    <//>
  `;
}

/** A page that cannot be drawn takes nothing else along; at another address (`at`) it is drawn anew. */
class Boundary extends Component {
  componentDidCatch(fault) {
    console.error(fault); // for whoever mends it
    this.setState({ broken: true });
  }

  componentDidUpdate({ at }) {
    if (this.state.broken && at !== this.props.at) this.setState({ broken: false });
  }

  render({ title, children }, { broken }) {
    if (!broken) return children;
    const again = () => this.setState({ broken: false });
    return html`<${Page} title=${title}><${Failed} fault=${BROKEN} again=${again} word="Load the page again" /><//>`;
  }
}

const BROKEN = {
  title: "The page cannot be shown",
  message:
    "What the service answered is not what this page expects. Nothing was changed by that. Load the page again, or choose another one; " +
    "if it stays so, tell whoever runs the service.",
};

const GONE = {
  title: "The page could not be loaded",
  message: "The connection is away, or the console was updated since it was opened.",
};
