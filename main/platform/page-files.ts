// Files of the built user interface. A request names one by its path; nothing outside the folder is ever read, whatever the path
// says, and links out of it are not followed.
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
};

export interface StaticFile {
  body: Buffer<ArrayBuffer>;
  type: string;
  /** True if the name holds a hash of the content, so that it may be kept for ever. */
  isImmutable: boolean;
}

/** `pathname` as in a URL, still encoded. Undefined if there is no such file. */
export async function readStatic(folder: string, pathname: string): Promise<StaticFile | undefined> {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (path.endsWith("/")) path += "index.html";
  if (path.includes("\0") || path.includes("\\") || path.split("/").includes("..")) return undefined;
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, path));
    if (!file.startsWith(root + sep) || !(await stat(file)).isFile()) return undefined;
    const type = TYPES[extname(file).toLowerCase()] ?? "application/octet-stream";
    return { body: await readFile(file), type, isImmutable: path.startsWith("/assets/") };
  } catch {
    return undefined;
  }
}
