// The Electron host: one window, sandboxed, that loads the built user interface from `app://ringfence` and talks to the app over
// two channels. The electron module is handed in, so that tests run this without it; only entry.electron.ts imports it.
import type * as Electron from "electron";
import type { App, Connection } from "../app/create-app.ts";
import { securityHeaders } from "../platform/page-headers.ts";
import { readStatic } from "../platform/page-files.ts";
import { CHANNEL_CALL, CHANNEL_EVENT, CHANNEL_FRAME, CHANNEL_FRAME_SEEN } from "./channels.ts";
import { makeMenu } from "./menu.ts";

export type ElectronApi = Pick<typeof Electron, "app" | "BrowserWindow" | "ipcMain" | "Menu" | "protocol" | "session">;

export interface BootOptions {
  makeApp(): App;
  rendererFolder: string;
  preloadPath: string;
  /** Shown to the user when the app cannot start. */
  fail(message: string): void;
}

const SCHEME = "app";
const ORIGIN = `${SCHEME}://ringfence`;
/** Frames on their way to the page that it has not confirmed. More are dropped, and their part of the screen is sent later. */
const MOST_FRAMES = 3;

/** Settles when the window is made, or with the second instance's end. */
export async function boot(electron: ElectronApi, options: BootOptions): Promise<void> {
  const { app, protocol } = electron;
  if (!app.requestSingleInstanceLock()) return app.quit();
  // Must be told before the app is ready.
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } }]);
  app.enableSandbox();
  app.on("web-contents-created", (_event, contents) => confine(contents));
  await app.whenReady();
  let vms: App;
  try {
    vms = options.makeApp();
  } catch (error) {
    options.fail(error instanceof Error ? error.message : String(error));
    return app.quit();
  }
  denyPermissions(electron.session.defaultSession);
  protocol.handle(SCHEME, (request) => serve(request, options.rendererFolder));
  const host = new WindowHost(electron, vms, options.preloadPath);
  electron.Menu.setApplicationMenu(makeMenu(electron));
  host.open();
  app.on("second-instance", () => host.open());
  app.on("activate", () => host.open());
  app.on("window-all-closed", () => app.quit());
  let isClosed = false;
  app.on("before-quit", (event) => {
    if (isClosed) return;
    // Machines are powered off first; then the quit goes through.
    event.preventDefault();
    void vms.close().finally(() => {
      isClosed = true;
      app.quit();
    });
  });
}

/** No page may go anywhere else, open windows or embed web views. */
function confine(contents: Electron.WebContents): void {
  contents.on("will-navigate", (event) => event.preventDefault());
  contents.on("will-redirect", (event) => event.preventDefault());
  contents.on("will-attach-webview", (event) => event.preventDefault());
  contents.setWindowOpenHandler(() => ({ action: "deny" }));
}

/** Copying from the terminal and catching the pointer are all that the console needs. */
const PERMISSIONS: ReadonlySet<string> = new Set(["clipboard-sanitized-write", "clipboard-read", "pointerLock", "keyboardLock", "fullscreen"]);

function denyPermissions(session: Electron.Session): void {
  session.setPermissionRequestHandler((contents, permission, callback) => callback(isOwn(contents.getURL()) && PERMISSIONS.has(permission)));
  session.setPermissionCheckHandler((_contents, permission, origin) => isOwn(origin) && PERMISSIONS.has(permission));
}

function isOwn(address: string): boolean {
  return address === ORIGIN || address.startsWith(`${ORIGIN}/`);
}

async function serve(request: Request, folder: string): Promise<Response> {
  const headers = securityHeaders();
  if (request.method !== "GET" || !isOwn(request.url)) return new Response("Not served here.", { status: 403, headers });
  const file = await readStatic(folder, request.url.slice(ORIGIN.length).split(/[?#]/, 1)[0] || "/");
  if (!file) return new Response("There is no such file.", { status: 404, headers });
  return new Response(file.body, { headers: { ...headers, "content-type": file.type } });
}

class WindowHost {
  private readonly electron: ElectronApi;
  private readonly vms: App;
  private readonly preloadPath: string;
  private window: Electron.BrowserWindow | undefined;
  private connection: Connection | undefined;
  private framesUnseen = 0;

  constructor(electron: ElectronApi, vms: App, preloadPath: string) {
    this.electron = electron;
    this.vms = vms;
    this.preloadPath = preloadPath;
    electron.ipcMain.handle(CHANNEL_CALL, (event, message: unknown) => {
      const { connection } = this;
      if (!connection || !this.isOwnPage(event)) return { id: 0, ok: false, code: "badRequest", message: "This page may not make calls." };
      return connection.dispatch(message);
    });
    electron.ipcMain.on(CHANNEL_FRAME_SEEN, (event) => {
      if (this.isOwnPage(event)) this.framesUnseen = Math.max(0, this.framesUnseen - 1);
    });
  }

  /** Shows the window, making it if there is none. */
  open(): void {
    if (this.window) {
      if (this.window.isMinimized()) this.window.restore();
      this.window.focus();
      return;
    }
    const window = new this.electron.BrowserWindow({
      width: 1280,
      height: 840,
      minWidth: 720,
      minHeight: 480,
      title: "Ringfence",
      show: false,
      webPreferences: { preload: this.preloadPath, sandbox: true, contextIsolation: true, nodeIntegration: false, webviewTag: false, spellcheck: false },
    });
    this.window = window;
    window.once("ready-to-show", () => window.show());
    // Each load of the page is a new peer: the old page's watches end with it.
    window.webContents.on("did-start-navigation", (details) => {
      if (details.isMainFrame && !details.isSameDocument) this.connect(window.webContents);
    });
    window.webContents.on("render-process-gone", () => this.disconnect());
    window.on("closed", () => {
      this.disconnect();
      this.window = undefined;
    });
    void window.loadURL(`${ORIGIN}/`);
  }

  private connect(contents: Electron.WebContents): void {
    this.disconnect();
    this.framesUnseen = 0;
    this.connection = this.vms.connect({
      sendEvent: (message) => {
        if (!contents.isDestroyed()) contents.send(CHANNEL_EVENT, message);
      },
      sendFrame: (frame) => {
        if (contents.isDestroyed()) return true; // gone: nobody to send it to
        if (this.framesUnseen >= MOST_FRAMES) return false;
        this.framesUnseen++;
        contents.send(CHANNEL_FRAME, frame);
        return true;
      },
    });
  }

  private disconnect(): void {
    this.connection?.close();
    this.connection = undefined;
  }

  /** Only the main frame of our own page, from our own origin, is heard. */
  private isOwnPage(event: Electron.IpcMainEvent | Electron.IpcMainInvokeEvent): boolean {
    const contents = this.window?.webContents;
    return contents !== undefined && event.sender === contents && event.senderFrame === contents.mainFrame && isOwn(event.senderFrame?.url ?? "");
  }
}
