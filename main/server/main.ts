// `node dist/main/server.js [--library DIR] [--port N] [--no-open]`: the headless host as a program.
import { openInBrowser } from "../platform/browser.ts";
import { makeApp } from "../platform/make-app.ts";
import { parseHostOptions } from "../platform/host-options.ts";
import { rendererFolder } from "../platform/places.ts";
import { setEngineFlags } from "../platform/v8-flags.ts";
import { startServer } from "./server.ts";

setEngineFlags();
const options = parseHostOptions(process.argv.slice(2));
if ("fault" in options) {
  console.error(options.fault);
  process.exit(2);
}
try {
  const app = makeApp({ libraryPath: options.libraryPath, host: "headless", log: (message) => console.error(message) });
  const server = await startServer({ app, rendererFolder: rendererFolder(), port: options.port });
  console.log(`Ringfence is at ${server.address}`);
  console.log("Press Ctrl+C to stop; machines that run are powered off.");
  if (options.open) openInBrowser(server.address);
  let isStopping = false;
  const stop = () => {
    // A second Ctrl+C does not wait.
    if (isStopping) process.exit(1);
    isStopping = true;
    void app.close().then(() => server.close()).then(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
