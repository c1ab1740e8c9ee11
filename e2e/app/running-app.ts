// The app as a newcomer has it: the headless host started by `main/start.ts` on a fresh library, and the address it prints
// opened in a real browser. Ends with the host stopped, the library gone, and a failure if the page logged an error.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { chromium } from "playwright-core";

const ROOT = join(import.meta.dirname, "..", "..");
const PICTURES = join(ROOT, "test-results");
const CHROMIUM = process.env["RINGFENCE_CHROMIUM"] ?? "/usr/bin/chromium";
/** A first start builds the app, on a busy machine. */
const START_TIMEOUT_MS = 180_000;
const STEP_TIMEOUT_MS = 30_000;

/** Why no journey can be made here; false when it can. */
export const noBrowser: string | false = existsSync(CHROMIUM)
  ? false
  : `no browser at ${CHROMIUM}: apt-get install chromium, or set RINGFENCE_CHROMIUM to a Chromium or Chrome`;

export interface RunningApp {
  page: Page;
  libraryPath: string;
  /** A temporary folder for the journey's own files. */
  folder: string;
  /** Keeps a picture of the page under test-results/. */
  picture(name: string): Promise<void>;
}

export async function withApp(journey: string, use: (app: RunningApp) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-journey-"));
  const libraryPath = join(folder, "library");
  mkdirSync(PICTURES, { recursive: true });
  const host = startHost(libraryPath);
  const errors: string[] = [];
  try {
    const address = await host.address;
    const context = await chromium.launchPersistentContext(join(folder, "profile"), {
      executablePath: CHROMIUM,
      chromiumSandbox: false,
      args: ["--disable-gpu", "--disable-dev-shm-usage"],
      viewport: { width: 1280, height: 800 },
      colorScheme: "light",
      locale: "en-US",
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(STEP_TIMEOUT_MS);
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    let taken = 0;
    const picture = async (name: string): Promise<void> => {
      const file = `${journey}-${String(++taken).padStart(2, "0")}-${name}.png`;
      await page.screenshot({ path: join(PICTURES, file) });
    };
    try {
      await page.goto(address);
      await use({ page, libraryPath, folder, picture });
    } catch (error) {
      await picture("failed").catch(() => {});
      throw error;
    } finally {
      await context.close();
    }
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  if (errors.length > 0) throw new Error(`The page logged errors:\n${errors.join("\n")}`);
}

function startHost(libraryPath: string): { address: Promise<string>; stop(): Promise<void> } {
  const args = [join(ROOT, "main/start.ts"), "--headless", "--no-open", "--library", libraryPath];
  const child: ChildProcess = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const address = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The host printed no address in time:\n${output}`)), START_TIMEOUT_MS);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /Ringfence is at (http\S+)/.exec(output);
      if (found?.[1] !== undefined) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", reject);
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`The host ended before it printed an address:\n${output}`));
    });
  });
  address.catch(() => {});
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  return { address, stop };
}
