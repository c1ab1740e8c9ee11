// The text screen of one machine while somebody looks: asks the app to send it, asks again after a lost connection, and stops
// when closed.
import type { ScreenText } from "../../core/api/vm-state.ts";
import type { Bridge } from "../bridge/bridge.ts";

export function followText(bridge: Bridge, id: string, listener: (screen: ScreenText | null) => void): () => void {
  // Refused where the machine is gone, which the list tells.
  const watch = (): void => void bridge.call("vm.watchText", { id }).catch(() => {});
  const stops = [
    bridge.onEvent((event) => {
      if (event.name === "vm.text" && event.data.id === id) listener(event.data.screen);
    }),
    bridge.onResync(watch),
  ];
  watch();
  return () => {
    for (const stop of stops) stop();
    bridge.call("vm.unwatchText", { id }).catch(() => {});
  };
}
