// What `npm start` and both hosts take on the command line.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { defaultLibraryPath } from "./places.ts";

export interface HostOptions {
  libraryPath: string;
  port: number;
  headless: boolean;
  open: boolean;
}

export const HOST_USAGE = `Options: --library DIR   where the machines are (default: ${defaultLibraryPath()})
         --port N        port of the headless host (default: any free one)
         --headless      serve to a browser even where Electron is installed
         --no-open       do not open a browser`;

export function parseHostOptions(args: readonly string[], env: NodeJS.ProcessEnv = process.env): HostOptions | { fault: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { library: { type: "string" }, port: { type: "string" }, headless: { type: "boolean" }, "no-open": { type: "boolean" } },
      strict: true,
      allowPositionals: false,
    });
    const port = values.port === undefined ? 0 : Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65535) return { fault: `--port needs a number from 0 to 65535, not "${values.port}".` };
    const libraryPath = values.library === undefined ? defaultLibraryPath(env) : resolve(values.library);
    const isAutomatic = env["CI"] !== undefined && env["CI"] !== "" && env["CI"] !== "false";
    return { libraryPath, port, headless: values.headless === true, open: values["no-open"] !== true && !isAutomatic };
  } catch (error) {
    return { fault: `${error instanceof Error ? error.message : String(error)}\n${HOST_USAGE}` };
  }
}
