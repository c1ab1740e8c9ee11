// Lights that stay on for a moment after each word of activity, so that a short access can be seen.
import type { ActivityLight } from "../../core/api/vm-state.ts";
import type { Bridge } from "../bridge/bridge.ts";

export const LIT_MS = 300;

/** Calls `changed` with the lights that are on, whenever that changes. The returned function stops it. */
export function followLights(bridge: Bridge, id: string, changed: (lit: ReadonlySet<ActivityLight>) => void): () => void {
  const timers = new Map<ActivityLight, ReturnType<typeof setTimeout>>();
  const tell = (): void => changed(new Set(timers.keys()));
  const stop = bridge.onEvent((event) => {
    if (event.name !== "vm.activity" || event.data.id !== id) return;
    for (const light of event.data.lights) {
      clearTimeout(timers.get(light));
      const timer = setTimeout(() => {
        timers.delete(light);
        tell();
      }, LIT_MS);
      timers.set(light, timer);
    }
    tell();
  });
  return () => {
    stop();
    for (const timer of timers.values()) clearTimeout(timer);
  };
}
