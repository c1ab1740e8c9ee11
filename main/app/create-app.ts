// The app without a host: a router over the contract. A host connects peers and hands over what they send; everything is checked
// against the contract on the way in and on the way out, and whatever goes wrong becomes a reply with a code. Events go to every
// peer, serial output and pictures to those that watch.
import { availableParallelism, freemem, totalmem } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type CallInput, CallMessage, type CallName, type CallReply, calls, type ReplyMessage } from "../../core/api/contract.ts";
import { USER_SYSTEMS_FILE } from "../../core/api/known-systems.ts";
import type { ErrorCode } from "../../core/api/vm-state.ts";
import type { Hypervisor, HypervisorEvent } from "../../core/hypervisor/hypervisor.ts";
import { loadKnownSystems } from "../../core/hypervisor/media.ts";
import type { VirtualNetwork } from "../../core/hypervisor/network.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import { Downloads } from "./downloads.ts";
import { listFolder, probeFile } from "./file-probe.ts";
import { FrameFanout } from "./frame-fanout.ts";
import { NetworkCalls } from "./network-calls.ts";
import { Peer, type PeerPort } from "./peer.ts";
import { receiveFile, removeUnfinished } from "./received-files.ts";
import { TextFanout } from "./text-fanout.ts";

const MIB = 1024 * 1024;
/** In the library, where a machine's folder would not be looked for. */
const MEDIA_FOLDER = ".media";

export interface AppOptions {
  hypervisor: Hypervisor;
  network: VirtualNetwork;
  version: string;
  host: "electron" | "headless";
  /** The app's own list of known systems; the user's is in the library's folder. */
  systemsPath: string;
  /** For faults of our own, which the user can only report. */
  log(message: string): void;
}

export interface Connection {
  /** Answers one message. Never rejects. */
  dispatch(message: unknown): Promise<ReplyMessage>;
  close(): void;
}

export interface App {
  connect(port: PeerPort): Connection;
  /** Takes a file into the media folder and settles with its path there. Rejects with VmError. `sizeBytes`: what was announced. */
  receiveFile(name: string, data: Readable, sizeBytes: number | null): Promise<string>;
  /** Powers all machines off and gives the library back. */
  close(): Promise<void>;
}

export type Handlers = { [N in CallName]: (input: CallInput<N>, peer: Peer) => Promise<CallReply<N>> };

export function createApp(options: AppOptions): App {
  const { hypervisor, network } = options;
  const libraryFault = hypervisor.open();
  if (libraryFault) options.log(libraryFault.message);
  const peers = new Set<Peer>();
  const frames = new FrameFanout(hypervisor, peers);
  const texts = new TextFanout(hypervisor, peers);
  const mediaPath = join(hypervisor.library.path, MEDIA_FOLDER);
  const downloads = new Downloads(mediaPath, (download) => {
    for (const peer of peers) peer.send("download.changed", download);
  });
  const networkCalls = new NetworkCalls({ hypervisor, network, peers, mediaPath });
  const handlers = makeHandlers(options, { frames, texts, downloads, mediaPath, networkCalls });
  if (!libraryFault) void removeUnfinished(mediaPath);
  const unsubscribe = hypervisor.subscribe((event) => fanOut(event, peers, frames, texts));
  return {
    connect(port) {
      const peer = new Peer(port);
      peers.add(peer);
      // After the transport's own greeting, so that the first event is not the first thing ever sent.
      if (libraryFault) queueMicrotask(() => peers.has(peer) && peer.send("app.notice", { level: "warning", code: libraryFault.code, message: libraryFault.message }));
      return {
        dispatch: (message) => dispatch(message, peer, handlers, options.log),
        close: () => {
          if (!peers.delete(peer)) return;
          frames.forget(peer);
          networkCalls.forget(peer);
        },
      };
    },
    receiveFile: (name, data, sizeBytes) => receiveFile(mediaPath, name, data, sizeBytes),
    async close() {
      await downloads.close();
      unsubscribe();
      frames.close();
      texts.close();
      networkCalls.close();
      peers.clear();
      await hypervisor.close();
      await network.close();
    },
  };
}

function fanOut(event: HypervisorEvent, peers: ReadonlySet<Peer>, frames: FrameFanout, texts: TextFanout): void {
  switch (event.kind) {
    case "changed":
      frames.updateInterval(event.record.id);
      texts.changed(event.record.id);
      for (const peer of peers) peer.send("vm.changed", event.record);
      break;
    case "removed":
      for (const peer of peers) peer.send("vm.removed", { id: event.id });
      break;
    case "stats":
      for (const peer of peers) peer.send("vm.stats", { id: event.id, stats: event.stats });
      break;
    case "serial": {
      const data = Buffer.from(event.data).toString("latin1");
      for (const peer of peers) if (peer.watched.has(event.id)) peer.send("vm.serial", { id: event.id, data });
      break;
    }
    case "activity":
      for (const peer of peers) peer.send("vm.activity", { id: event.id, lights: event.lights });
      break;
    case "frame":
      frames.changed(event.id, event.rect);
      texts.changed(event.id);
      break;
  }
}

async function dispatch(message: unknown, peer: Peer, handlers: Handlers, log: AppOptions["log"]): Promise<ReplyMessage> {
  const call = CallMessage.safeParse(message);
  if (!call.success) return { id: idOf(message), ok: false, code: "badRequest", message: "The message is not a call." };
  const { id, method } = call.data;
  if (!isCallName(method)) return { id, ok: false, code: "badRequest", message: `There is no call ${method}.` };
  try {
    const result = await answer(method, call.data.params, peer, handlers);
    return { id, ok: true, result };
  } catch (error) {
    return { id, ok: false, ...describe(error, method, log) };
  }
}

async function answer<N extends CallName>(method: N, params: unknown, peer: Peer, handlers: Handlers): Promise<CallReply<N>> {
  const input = calls[method].request.safeParse(params);
  if (!input.success) {
    const issue = input.error.issues[0];
    throw new VmError("badRequest", `${method} was asked wrongly: ${issue?.path.join(".") || "parameters"}: ${issue?.message ?? "invalid"}`);
  }
  // Request schema, handler and reply schema come from the same row, which the compiler cannot see through the index.
  const reply = await (handlers[method] as (input: unknown, peer: Peer) => Promise<unknown>)(input.data, peer);
  return calls[method].reply.parse(reply) as CallReply<N>;
}

function describe(error: unknown, method: string, log: AppOptions["log"]): { code: ErrorCode; message: string; detail?: string } {
  if (error instanceof VmError) return { code: error.code, message: error.message, ...(error.detail === undefined ? {} : { detail: error.detail }) };
  const message = error instanceof Error ? error.message : String(error);
  log(`${method} failed: ${error instanceof Error ? (error.stack ?? message) : message}`);
  return { code: "internal", message: `${method} failed: ${message}` };
}

function isCallName(name: string): name is CallName {
  return Object.hasOwn(calls, name);
}

/** The id of a message that is no call, so that its sender can match the reply, if it has a usable one. */
function idOf(message: unknown): number {
  const id = typeof message === "object" && message !== null && "id" in message ? message.id : undefined;
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0 ? id : 0;
}

/** Without the fields that are there and undefined, which the contract allows and nothing else does. */
function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

interface Parts {
  frames: FrameFanout;
  texts: TextFanout;
  downloads: Downloads;
  mediaPath: string;
  networkCalls: NetworkCalls;
}

function makeHandlers({ hypervisor, version, host, systemsPath }: AppOptions, { frames, texts, downloads, mediaPath, networkCalls }: Parts): Handlers {
  const systems = () => loadKnownSystems(systemsPath, join(hypervisor.library.path, USER_SYSTEMS_FILE));
  const done = async (work: Promise<void>) => {
    await work;
    return {};
  };
  return {
    "app.info": async () => ({
      version,
      platform: process.platform,
      hostMemoryMiB: Math.floor(totalmem() / MIB),
      hostFreeMemoryMiB: Math.floor(freemem() / MIB),
      hostCores: availableParallelism(),
      libraryPath: hypervisor.library.path,
      mediaPath,
      host,
    }),
    "vm.list": async () => ({ vms: await hypervisor.list() }),
    "vm.create": async (input) => ({ vm: await hypervisor.create(defined(input)) }),
    "vm.update": async ({ id, ...patch }) => ({ vm: await hypervisor.update(id, defined(patch)) }),
    "vm.start": ({ id }) => done(hypervisor.start(id)),
    "vm.pause": ({ id }) => done(hypervisor.pause(id)),
    "vm.resume": ({ id }) => done(hypervisor.resume(id)),
    "vm.reset": ({ id }) => done(hypervisor.reset(id)),
    "vm.shutdown": ({ id }) => done(hypervisor.shutdown(id)),
    "vm.powerOff": ({ id }) => done(hypervisor.powerOff(id)),
    "vm.delete": async ({ id }) => ({ trash: await hypervisor.delete(id) }),
    "vm.setCap": ({ id, capPercent }) => done(hypervisor.setCap(id, capPercent)),
    "vm.input": ({ id, events }) => done(hypervisor.input(id, events)),
    "vm.keys": ({ id, codes }) => done(hypervisor.keys(id, codes)),
    "vm.insertMedium": async ({ id, driveId, path }) => ({ vm: await hypervisor.setMedium(id, driveId, path, false) }),
    "vm.ejectMedium": async ({ id, driveId, force }) => ({ vm: await hypervisor.setMedium(id, driveId, null, force) }),
    "vm.typeText": async ({ id, text }) => ({ untyped: await hypervisor.typeText(id, text) }),
    "vm.serialInput": ({ id, data }) => done(hypervisor.serialInput(id, Buffer.from(data, "latin1"))),
    "vm.watch": async ({ id, thumbnail }, peer) => {
      // From here to the reply nothing else runs, so no output is lost or told twice.
      const serialBacklog = await hypervisor.serialBacklog(id);
      (thumbnail ? peer.thumbnails : peer.watched).add(id);
      frames.begin(peer, id, thumbnail);
      return { serialBacklog: thumbnail ? "" : serialBacklog };
    },
    "vm.unwatch": async ({ id, thumbnail }, peer) => {
      (thumbnail ? peer.thumbnails : peer.watched).delete(id);
      frames.end(peer, id, thumbnail);
      return {};
    },
    "vm.watchText": async ({ id }, peer) => {
      peer.texts.add(id);
      await texts.begin(peer, id);
      return {};
    },
    "vm.unwatchText": async ({ id }, peer) => {
      peer.texts.delete(id);
      return {};
    },
    "trash.list": async () => ({ entries: await hypervisor.library.listTrash() }),
    "trash.restore": async ({ id }) => ({ vm: await hypervisor.restore(id) }),
    "trash.remove": ({ id }) => done(hypervisor.library.removeFromTrash(id)),
    "trash.empty": async () => ({ removed: await hypervisor.library.emptyTrash() }),
    "systems.list": systems,
    "download.list": async () => ({ downloads: downloads.list() }),
    "download.start": async (source) => ({ download: await downloads.start(source) }),
    "download.pause": ({ id }) => done(downloads.pause(id)),
    "download.cancel": ({ id }) => done(downloads.cancel(id)),
    ...networkCalls.handlers,
    "file.probe": async ({ path }) => probeFile(path, (await systems()).systems),
    "file.list": ({ path }) => listFolder(path),
  };
}
