// Just enough of the electron module to run the desktop host without it. What crosses to the page is cloned, as over real IPC.
import type { ElectronApi } from "../electron/boot.ts";

type Listener = (...args: never[]) => unknown;

class Emitter {
  private readonly listeners = new Map<string, Listener[]>();
  on(event: string, listener: Listener): this {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
    return this;
  }
  once(event: string, listener: Listener): this {
    return this.on(event, listener);
  }
  emit(event: string, ...args: unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) listener(...(args as never[]));
  }
}

export class FakeWebContents extends Emitter {
  readonly mainFrame = { url: "app://ringfence/" };
  readonly sent: { channel: string; data: unknown }[] = [];
  windowOpenHandler: ((details: { url: string }) => { action: string }) | undefined;
  isGone = false;
  getURL(): string {
    return this.mainFrame.url;
  }
  isDestroyed(): boolean {
    return this.isGone;
  }
  send(channel: string, data: unknown): void {
    this.sent.push({ channel, data: structuredClone(data) });
  }
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.windowOpenHandler = handler;
  }
}

export class FakeWindow extends Emitter {
  readonly options: Record<string, unknown>;
  readonly webContents = new FakeWebContents();
  loaded = "";
  isShown = false;
  focusCount = 0;
  constructor(options: Record<string, unknown>) {
    super();
    this.options = options;
  }
  async loadURL(url: string): Promise<void> {
    this.loaded = url;
    this.webContents.emit("did-start-navigation", { isMainFrame: true, isSameDocument: false });
    this.emit("ready-to-show");
  }
  show(): void {
    this.isShown = true;
  }
  focus(): void {
    this.focusCount++;
  }
  isMinimized(): boolean {
    return false;
  }
}

export interface FakeElectron {
  api: ElectronApi;
  app: Emitter;
  windows: FakeWindow[];
  log: string[];
  menu: { role?: string }[];
  invoke(sender: FakeWebContents, message: unknown, frame?: unknown): Promise<unknown>;
  signal(sender: FakeWebContents, channel: string): void;
  fetch(url: string, method?: string): Promise<Response>;
  /** What the session's handlers answer to a request and to a check. */
  permission(permission: string, origin: string): [boolean, boolean];
}

export function fakeElectron(hasLock = true): FakeElectron {
  const log: string[] = [];
  const windows: FakeWindow[] = [];
  const handlers = new Map<string, Listener>();
  const ipc = new Emitter();
  let serve: ((request: Request) => Promise<Response>) | undefined;
  let request: Listener | undefined;
  let check: Listener | undefined;
  let template: { role?: string }[] = [];
  const app = Object.assign(new Emitter(), {
    isPackaged: false,
    requestSingleInstanceLock: () => hasLock,
    quit: () => void log.push("quit"),
    enableSandbox: () => void log.push("sandbox"),
    whenReady: async () => void log.push("ready"),
  });
  const api = {
    app,
    BrowserWindow: class extends FakeWindow {
      constructor(options: Record<string, unknown>) {
        super(options);
        windows.push(this);
        app.emit("web-contents-created", {}, this.webContents);
      }
    },
    ipcMain: { handle: (channel: string, handler: Listener) => void handlers.set(channel, handler), on: (channel: string, listener: Listener) => ipc.on(channel, listener) },
    Menu: { buildFromTemplate: (items: { role?: string }[]) => (template = items), setApplicationMenu: () => undefined },
    protocol: {
      registerSchemesAsPrivileged: () => void log.push("scheme"),
      handle: (_scheme: string, handler: (request: Request) => Promise<Response>) => (serve = handler),
    },
    session: { defaultSession: { setPermissionRequestHandler: (h: Listener) => (request = h), setPermissionCheckHandler: (h: Listener) => (check = h) } },
  };
  const event = (sender: FakeWebContents, frame: unknown = sender.mainFrame) => ({ sender, senderFrame: frame });
  return {
    // The parts that boot() uses, with the shapes that it uses; everything else of Electron is left out.
    api: api as unknown as ElectronApi,
    app,
    windows,
    log,
    get menu() {
      return template;
    },
    invoke: async (sender, message, frame) => structuredClone(await handlers.get("ringfence:call")?.(...([event(sender, frame), structuredClone(message)] as never[]))),
    signal: (sender, channel) => ipc.emit(channel, event(sender)),
    fetch: async (url, method = "GET") => {
      if (!serve) throw new Error("No protocol handler");
      return serve({ url, method } as Request);
    },
    permission: (permission, origin) => {
      let granted = false;
      request?.(...([{ getURL: () => origin }, permission, (yes: boolean) => (granted = yes)] as never[]));
      return [granted, check?.(...([null, permission, origin] as never[])) === true];
    },
  };
}
