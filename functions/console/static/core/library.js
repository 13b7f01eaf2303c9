// The one library, under the names that the console uses. Nothing else of `vendor/` is imported by more than one module.
export {
  html,
  render,
  useState,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useCallback,
  useContext,
  createContext,
  Component,
} from "../vendor/htm-preact.js";

let counted = 0;

/** An id that no other element has: for a label and its field. */
export const newId = (word) => `${word}-${(counted += 1)}`;
