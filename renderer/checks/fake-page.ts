// The interface on the scripted bridge in a real browser, for the checks beside this file: builds it once, serves it under
// the content security policy of the hosts, opens it in Chromium.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { Page } from "playwright-core";
import { chromium } from "playwright-core";
import { build } from "vite";

const CHROMIUM = process.env["RINGFENCE_CHROMIUM"] ?? "/usr/bin/chromium";
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'";

/** Why these checks cannot run here; false when they can. */
export const skip: string | false = existsSync(CHROMIUM)
  ? false
  : `no browser at ${CHROMIUM}: install Debian's chromium, or set RINGFENCE_CHROMIUM`;

export interface Site {
  url: string;
  close(): void;
}

export async function buildAndServe(): Promise<Site> {
  const outDir = mkdtempSync(join(tmpdir(), "ringfence-ui-"));
  await build({ root: join(import.meta.dirname, ".."), mode: "fake", logLevel: "error", build: { outDir, emptyOutDir: true } });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const file = join(outDir, pathname === "/" ? "index.html" : pathname);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": POLICY });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
    rmSync(outDir, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

export interface PageOptions {
  scenario?: string;
  language?: string;
  dark?: boolean;
  width?: number;
  height?: number;
}

/** Runs `use` with a fresh page, then fails if the page logged an error. */
export async function withPage(site: Site, options: PageOptions, use: (page: Page) => Promise<void>): Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), "ringfence-profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    chromiumSandbox: false,
    args: ["--disable-gpu", "--disable-dev-shm-usage"],
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    colorScheme: options.dark === true ? "dark" : "light",
    locale: options.language ?? "en-US",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15_000);
  const errors: string[] = [];
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${site.url}?fake=${options.scenario ?? ""}`);
    await use(page);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
  if (errors.length > 0) throw new Error(`The page logged errors:\n${errors.join("\n")}`);
}
