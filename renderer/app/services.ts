// The stores and the bridge, handed to every component by one context, and the hooks that read them.
import { createContext, useContext, useSyncExternalStore } from "react";
import type { StoreApi } from "zustand/vanilla";
import { useStore } from "zustand";
import type { CallReply } from "../../core/api/contract.ts";
import type { Bridge, Connection } from "../bridge/bridge.ts";
import type { MachinesState, MachinesStore } from "../state/machines.ts";
import type { NetworkEditor } from "../features/network/network-editor.ts";
import type { NetworkState, NetworkStore } from "../state/network.ts";
import type { NoticesStore } from "../state/notices.ts";
import type { Preferences, PreferencesStore } from "../state/preferences.ts";
import type { ViewState, ViewStore } from "../state/view.ts";

export interface HostState {
  info: CallReply<"app.info"> | null;
  connection: Connection;
}

export interface Services {
  bridge: Bridge;
  machines: MachinesStore;
  network: NetworkStore;
  editor: NetworkEditor;
  notices: NoticesStore;
  preferences: PreferencesStore;
  view: ViewStore;
  host: StoreApi<HostState>;
  isMac: boolean;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new Error("Components need the services around them");
  return services;
}

export function useMachines<T>(select: (state: MachinesState) => T): T {
  return useStore(useServices().machines, select);
}

export function useNetwork<T>(select: (state: NetworkState) => T): T {
  return useStore(useServices().network, select);
}

export function useView<T>(select: (state: ViewState) => T): T {
  return useStore(useServices().view, select);
}

export function usePreference<K extends keyof Preferences>(key: K): Preferences[K] {
  return useStore(useServices().preferences, (state) => state[key]);
}

export function useHost<T>(select: (state: HostState) => T): T {
  return useStore(useServices().host, select);
}

export function useNotices() {
  return useStore(useServices().notices, (state) => state.notices);
}

/** Re-renders when a media query starts or stops matching. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = matchMedia(query);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => matchMedia(query).matches,
  );
}
