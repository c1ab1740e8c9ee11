// What Electron starts. The only file besides the preload script that imports electron as a value.
import * as electron from "electron";
import { parseHostOptions } from "../platform/host-options.ts";
import { makeApp } from "../platform/make-app.ts";
import { preloadPath, rendererFolder } from "../platform/places.ts";
import { setEngineFlags } from "../platform/v8-flags.ts";
import { boot } from "./boot.ts";

setEngineFlags();
const args = process.argv.slice(electron.app.isPackaged ? 1 : 2);
// Chromium adds switches of its own; those that are not ours are not our business.
const library = args.find((arg) => arg.startsWith("--library="));
const options = parseHostOptions(library ? [library] : []);
const fail = (message: string) => electron.dialog.showErrorBox("Ringfence", message);
if ("fault" in options) fail(options.fault);
else {
  const { libraryPath } = options;
  // Not awaited: Electron becomes ready only after this module has been evaluated.
  boot(electron, {
    makeApp: () => makeApp({ libraryPath, host: "electron", log: (message) => console.error(message) }),
    rendererFolder: rendererFolder(),
    preloadPath: preloadPath(),
    fail,
  }).catch((error: unknown) => {
    fail(error instanceof Error ? error.message : String(error));
    electron.app.quit();
  });
}
