// Opens an address in the user's browser, if there is one; the address has been printed in any case.
import { spawn } from "node:child_process";

export function openInBrowser(address: string, platform: NodeJS.Platform = process.platform): void {
  const [command, ...args] =
    platform === "darwin" ? ["open", address] : platform === "win32" ? ["cmd", "/c", "start", "", address.replaceAll("&", "^&")] : ["xdg-open", address];
  const child = spawn(command ?? "", args, { stdio: "ignore", detached: true });
  child.on("error", () => undefined); // no browser here
  child.unref();
}
