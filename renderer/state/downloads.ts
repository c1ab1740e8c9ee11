// Downloads that the app knows, followed while somebody looks.
import type { Download } from "../../core/api/vm-state.ts";
import type { Bridge } from "../bridge/bridge.ts";

/** Calls `changed` with all downloads, now and after each change. The returned function stops it. */
export function followDownloads(bridge: Bridge, changed: (downloads: readonly Download[]) => void): () => void {
  let downloads: readonly Download[] = [];
  const set = (download: Download): void => {
    const others = downloads.filter((d) => d.id !== download.id);
    downloads = download.state === "cancelled" ? others : [...others, download];
    changed(downloads);
  };
  const read = (): void => {
    bridge.call("download.list", {}).then(
      (reply) => {
        for (const download of reply.downloads) set(download);
      },
      () => {}, // read again with the next connection
    );
  };
  const stops = [
    bridge.onEvent((event) => {
      if (event.name === "download.changed") set(event.data);
    }),
    bridge.onResync(read),
  ];
  read();
  return () => {
    for (const stop of stops) stop();
  };
}
