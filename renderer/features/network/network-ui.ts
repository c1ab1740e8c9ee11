// What every part of the Networks page needs: the network, what is selected, how to edit and to open the menu of a thing.
import { createContext, useContext } from "react";
import type { NetworkDoc } from "./network-doc.ts";
import type { Edited } from "./edits.ts";

export interface NetworkUi {
  doc: NetworkDoc;
  /** A node of the drawing ("switch:s1", "vm:ID"...), or "link:" and a link's id. */
  selected: string | null;
  select: (what: string | null) => void;
  edit: (label: string, edited: Edited) => void;
  /** At a point of the window. */
  openMenu: (what: string, x: number, y: number) => void;
}

export const NetworkUiContext = createContext<NetworkUi | null>(null);

export function useNetworkUi(): NetworkUi {
  const ui = useContext(NetworkUiContext);
  if (ui === null) throw new Error("Parts of the Networks page need it around them");
  return ui;
}
