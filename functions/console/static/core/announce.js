// What happened, said once: shown for a while, and read by a screen reader.
import { signal } from "./signal.js";

/** null, or `{text, tone}`; `tone` is "good" or "bad". */
export const announcement = signal(null);

export const announce = (text, tone = "good") => announcement.set({ text, tone });
