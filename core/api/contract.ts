// The one table between the user interface and the app: every call with its request and reply, every event. The router, the
// preload bridge, the WebSocket client and the CLI all derive from it; adding a call is one line here plus its handler.
import { z } from "zod";
import { BootSource, Drive, Firmware, RAM_MAX_MIB, RAM_MIN_MIB, VmConfig } from "./vm-config.ts";
import { KnownSystem, SystemDownload } from "./known-systems.ts";
import { MediumInfo } from "./medium-info.ts";
import { CaptureInfo, LabFile, LinkFaults, LinkId, NetworkStats, PacketDetails, PacketRow, Topology } from "./network.ts";
import { ActivityLight, Download, ErrorCode, InputEvent, ScreenText, TrashEntry, VmRecord, VmStats } from "./vm-state.ts";

const Id = z.object({ id: z.string().min(1).max(200) });
const Done = z.object({});

export const DISK_MIN_BYTES = 1024 * 1024;
export const DISK_MAX_BYTES = 2 ** 41;

/** An empty disk image that is made in the machine's folder, for a drive that names it as its path. */
export const NewDisk = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}\.img$/),
  sizeBytes: z.int().min(DISK_MIN_BYTES).max(DISK_MAX_BYTES).multipleOf(512),
});
export type NewDisk = z.infer<typeof NewDisk>;

/** What a machine is made of, besides its name. */
const Parts = z.object({
  memoryMiB: z.int().min(RAM_MIN_MIB).max(RAM_MAX_MIB),
  boot: BootSource,
  notes: z.string().max(4000),
  cpuModel: VmConfig.shape.cpu.shape.model.unwrap(),
  engine: VmConfig.shape.cpu.shape.engine.unwrap(),
  drives: VmConfig.shape.drives.unwrap(),
  newDisks: z.array(NewDisk).max(8),
  firmware: Firmware,
  devices: VmConfig.shape.devices.unwrap(),
  /** What a card is joined to takes effect at once in a running machine; cards added, removed or of another model wait for its next start. */
  nics: VmConfig.shape.nics.unwrap(),
});
const CaptureId = z.object({ captureId: z.string().min(1).max(80) });
const Name = z.string().trim().min(1).max(80);
const DriveId = Id.extend({ driveId: Drive.shape.id });

export const calls = {
  /** Facts about the host, for defaults and for what is safe. */
  "app.info": {
    request: z.object({}),
    reply: z.object({
      version: z.string(), platform: z.string(), hostMemoryMiB: z.number(), hostFreeMemoryMiB: z.number(), hostCores: z.number(),
      libraryPath: z.string(), /** Where downloads and uploads go. */ mediaPath: z.string(), /** Which host runs the app. */ host: z.enum(["electron", "headless"]),
    }),
  },
  "vm.list": { request: z.object({}), reply: z.object({ vms: z.array(VmRecord) }) },
  "vm.create": {
    request: Parts.partial().required({ memoryMiB: true, boot: true }).extend({ name: Name, capPercent: z.int().min(1).max(100).default(100), notes: Parts.shape.notes.default("") }),
    reply: z.object({ vm: VmRecord }),
  },
  /** Changes the saved configuration, in every state. What a running machine is made of waits for its next start (see `pending`). */
  "vm.update": {
    request: Id.extend({ name: Name.optional() }).extend(Parts.partial().shape),
    reply: z.object({ vm: VmRecord }),
  },
  /** Legal in `off` and `error`. */
  "vm.start": { request: Id, reply: Done },
  /** Legal in `running`. */
  "vm.pause": { request: Id, reply: Done },
  /** Legal in `paused`. */
  "vm.resume": { request: Id, reply: Done },
  /** Legal in `running` and `paused`: the reset line, memory is kept, the boot source is loaded anew. */
  "vm.reset": { request: Id, reply: Done },
  /** Presses the ACPI power button. Legal in `running`. */
  "vm.shutdown": { request: Id, reply: Done },
  /** Takes the power away. Legal in `starting`, `running`, `paused`, `stopping`. */
  "vm.powerOff": { request: Id, reply: Done },
  /** Moves the folder to the trash. Legal in `off`, `error`, `broken`. */
  "vm.delete": { request: Id, reply: z.object({ trash: TrashEntry }) },
  /** Legal in every state; kept in the configuration. */
  "vm.setCap": { request: Id.extend({ capPercent: z.int().min(1).max(100) }), reply: Done },
  /** Puts a medium into a CD or floppy drive, in every state; kept in the configuration. */
  "vm.insertMedium": { request: DriveId.extend({ path: z.string().min(1).max(4096) }), reply: z.object({ vm: VmRecord }) },
  /** Takes it out. A running guest may hold the tray shut (`wrongState`), unless it is forced. */
  "vm.ejectMedium": { request: DriveId.extend({ force: z.boolean().default(false) }), reply: z.object({ vm: VmRecord }) },
  "vm.input": { request: Id.extend({ events: z.array(InputEvent).max(64) }), reply: Done },
  /** Ctrl+Alt+Del and the like: presses all in order, releases in reverse. */
  "vm.keys": { request: Id.extend({ codes: z.array(z.string().max(32)).min(1).max(8) }), reply: Done },
  /** Types on a US keyboard, no faster than the guest reads. Replies with the characters that no key of it makes. */
  "vm.typeText": { request: Id.extend({ text: z.string().min(1).max(4096) }), reply: z.object({ untyped: z.string() }) },
  /** Bytes for the first serial port, as latin-1 text of at most 64 KiB. */
  "vm.serialInput": { request: Id.extend({ data: z.string().max(65536) }), reply: Done },
  /** Starts screen frames (binary messages) and serial output for this machine to this peer; replies with what was shown so far. */
  "vm.watch": { request: Id.extend({ thumbnail: z.boolean().default(false) }), reply: z.object({ serialBacklog: z.string() }) },
  "vm.unwatch": { request: Id.extend({ thumbnail: z.boolean().default(false) }), reply: Done },
  /** Sends `vm.text` for this machine to this peer, now and with each change, until told otherwise. */
  "vm.watchText": { request: Id, reply: Done },
  "vm.unwatchText": { request: Id, reply: Done },
  "trash.list": { request: z.object({}), reply: z.object({ entries: z.array(TrashEntry) }) },
  "trash.restore": { request: Id, reply: z.object({ vm: VmRecord }) },
  /** For good, with all that is in the folder. */
  "trash.remove": { request: Id, reply: Done },
  "trash.empty": { request: z.object({}), reply: z.object({ removed: z.int() }) },
  /** Looks for a file before the user commits to it. `path` may start with ~. */
  "file.probe": {
    request: z.object({ path: z.string().min(1).max(4096) }),
    reply: z.object({
      exists: z.boolean(),
      sizeBytes: z.number(),
      /** What a kernel is that can be started directly; otherwise what it is not. */
      kind: z.enum(["linux", "multiboot", "pvh", "unknown", "missing", "folder"]),
      /** What is on it, for a file that could be read. */
      medium: MediumInfo.nullable(),
    }),
  },
  /** Systems that the wizard knows, the user's own first, and what is wrong with the lists. */
  "systems.list": { request: z.object({}), reply: z.object({ systems: z.array(KnownSystem), problems: z.array(z.string()) }) },
  "download.list": { request: z.object({}), reply: z.object({ downloads: z.array(Download) }) },
  /** Fetches a file into the media folder; one that was fetched before, in part or whole, is taken up where it was left. */
  "download.start": { request: SystemDownload, reply: z.object({ download: Download }) },
  /** Stops it and keeps what is there. */
  "download.pause": { request: Id, reply: Done },
  /** Stops it and deletes what is there. */
  "download.cancel": { request: Id, reply: Done },
  /** The network as it is drawn and saved. */
  "net.get": { request: z.object({}), reply: z.object({ topology: Topology }) },
  /** Replaces it whole, in force at once. What cannot be is refused with the reason (`badRequest`), and nothing has changed. */
  "net.update": { request: z.object({ topology: Topology }), reply: z.object({ topology: Topology }) },
  /** Starts `net.stats` to this peer, twice a second while anything changes; replies with how things stand. */
  "net.watch": { request: z.object({}), reply: NetworkStats },
  "net.unwatch": { request: z.object({}), reply: Done },
  /** Faults of a card, kept in its machine's configuration, or of a trunk or a gateway's cable, kept in the topology. */
  "net.setFaults": { request: z.object({ link: LinkId, faults: LinkFaults }), reply: Done },
  /** Captures what passes on a link; rows come as `net.packets` to this peer. With a path also into a pcapng file. */
  "net.startCapture": { request: z.object({ link: LinkId, path: z.string().min(1).max(4096).optional() }), reply: z.object({ capture: CaptureInfo }) },
  "net.stopCapture": { request: CaptureId, reply: z.object({ capture: CaptureInfo }) },
  /** Null where it has been given up for newer ones. */
  "net.packet": { request: CaptureId.extend({ number: z.int().min(1) }), reply: z.object({ packet: PacketDetails.nullable() }) },
  /** Writes what a live capture holds as a pcapng file; without a path into the media folder, under a name that is free. */
  "net.saveCapture": { request: CaptureId.extend({ path: z.string().min(1).max(4096).optional() }), reply: z.object({ path: z.string() }) },
  /** Makes the machines of a lab and joins its network to what is there. Names that are taken get a number. */
  "lab.create": { request: z.object({ lab: LabFile, /** Of the lab file, for the paths in it. */ folder: z.string().max(4096).default("") }), reply: z.object({ ids: z.array(z.string()) }) },
  /** All machines and the network as a lab file. */
  "lab.export": { request: z.object({}), reply: z.object({ lab: LabFile }) },
  /** Entries of a folder on the host, for the browse dialog. Folders first, by name. */
  "file.list": {
    request: z.object({ path: z.string().max(4096) }),
    reply: z.object({ path: z.string(), parent: z.string().nullable(), entries: z.array(z.object({ name: z.string(), isFolder: z.boolean(), sizeBytes: z.number() })) }),
  },
} as const;

/** Past tense; each carries a sequence number per connection, so that a gap shows. */
export const events = {
  "vm.changed": VmRecord,
  "vm.removed": z.object({ id: z.string() }),
  "vm.stats": z.object({ id: z.string(), stats: VmStats }),
  /** Output of the first serial port as latin-1 text, to peers that watch. */
  "vm.serial": z.object({ id: z.string(), data: z.string() }),
  /** What has worked since the last such event, some times a second while anything does. */
  "vm.activity": z.object({ id: z.string(), lights: z.array(ActivityLight) }),
  /** The text screen, null in a graphics mode, to peers that watch it. */
  "vm.text": z.object({ id: z.string(), screen: ScreenText.nullable() }),
  "download.changed": Download,
  "net.changed": z.object({ topology: Topology }),
  "net.stats": NetworkStats,
  "net.packets": z.object({ capture: CaptureInfo, rows: z.array(PacketRow) }),
  "app.notice": z.object({ level: z.enum(["info", "warning", "error"]), code: ErrorCode, message: z.string(), vmId: z.string().optional() }),
} as const;

export type CallName = keyof typeof calls;
export type CallRequest<N extends CallName> = z.input<(typeof calls)[N]["request"]>;
export type CallInput<N extends CallName> = z.output<(typeof calls)[N]["request"]>;
export type CallReply<N extends CallName> = z.output<(typeof calls)[N]["reply"]>;
export type EventName = keyof typeof events;
export type EventData<N extends EventName> = z.output<(typeof events)[N]>;

/** On the wire (JSON text over a WebSocket, structured clone over Electron IPC). */
export const CallMessage = z.object({ id: z.int().min(0), method: z.string().max(64), params: z.unknown() });
export type ReplyMessage = { id: number; ok: true; result: unknown } | { id: number; ok: false; code: ErrorCode; message: string; detail?: string };
export type EventMessage = { event: EventName; sequence: number; data: unknown };

/** Screen frames are binary: a header of FRAME_HEADER_BYTES little-endian bytes, then RGBA rows of the rectangle.
 *  u32 magic, u16 idLength, u16 flags (bit 0: thumbnail), u16 screenWidth, u16 screenHeight, u16 x, u16 y, u16 width, u16 height,
 *  then idLength bytes of the machine's id (UTF-8), padded to a multiple of 4, then width*height*4 bytes. */
export const FRAME_MAGIC = 0x52464652;
export const FRAME_HEADER_BYTES = 20;

/** Where the headless host takes WebSocket connections. Text messages are CallMessage one way, ReplyMessage or EventMessage the
 *  other; binary messages are screen frames. */
export const SOCKET_PATH = "/ws";
/** Where it takes files: PUT with `?name=`, answered with the JSON of UploadReply, or another status and a sentence. */
export const UPLOAD_PATH = "/upload";
export const UploadReply = z.object({ path: z.string() });

/** What the preload script puts on `window.ringfenceBridge`. A reply is the whole message, because errors that cross a context
 *  bridge lose their code; onEvent and onFrame give back how to stop listening. */
export interface PreloadBridge {
  call(method: CallName, params: unknown): Promise<ReplyMessage>;
  onEvent(listener: (message: EventMessage) => void): () => void;
  onFrame(listener: (frame: ArrayBuffer) => void): () => void;
  /** Where a file that was dropped on the window is, empty if it is none on a disk. `file` is the page's own File. */
  pathOf(file: unknown): string;
}
