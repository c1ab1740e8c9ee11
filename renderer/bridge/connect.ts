// Picks the transport: Electron's preload if it is there, the scripted bridge if a non-production build is asked for it,
// otherwise the WebSocket of the host that served the page.
import type { Bridge } from "./bridge.ts";
import { PreloadBridge } from "./preload-bridge.ts";
import type { Socket } from "./web-socket-bridge.ts";
import { WebSocketBridge } from "./web-socket-bridge.ts";

declare global {
  interface ImportMetaEnv {
    /** Set by vite.config.ts; false in production, so that the scripted bridge is not even built. */
    readonly RINGFENCE_FAKE: boolean;
  }
}

export async function connect(): Promise<Bridge> {
  if (window.ringfenceBridge !== undefined) return new PreloadBridge(window.ringfenceBridge);
  if (import.meta.env.RINGFENCE_FAKE) {
    const scenario = new URLSearchParams(location.search).get("fake");
    if (scenario !== null) {
      const { FakeBridge } = await import("./fake-bridge.ts");
      const fake = new FakeBridge(scenario);
      // Browser tests cut the connection and read the log of calls through this.
      Object.assign(window, { ringfenceFake: fake });
      return fake;
    }
  }
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  // WebSocket has every member of Socket; its handlers are declared with a wider `this`.
  return new WebSocketBridge(() => new WebSocket(url) as unknown as Socket);
}
