// A few made-up files for the browse dialog. Only for the fake bridge.
import type { CallReply } from "../../core/api/contract.ts";
import type { MediumInfo } from "../../core/api/medium-info.ts";
import { BridgeError } from "./bridge.ts";

const HOME = "/home/user";
type Kind = CallReply<"file.probe">["kind"];

interface FakeFile {
  sizeBytes: number;
  kind: Kind;
  medium?: Partial<MediumInfo>;
}

const FILES = new Map<string, FakeFile>([
  ["/home/user/images/debian/vmlinuz", { sizeBytes: 8_222_624, kind: "linux", medium: { kind: "kernel", isBootable: true, system: "debian" } }],
  ["/home/user/images/debian/initrd.gz", { sizeBytes: 38_415_102, kind: "unknown" }],
  ["/home/user/images/tiny.elf", { sizeBytes: 18_432, kind: "multiboot", medium: { kind: "kernel", isBootable: true } }],
  ["/home/user/images/pvh-kernel", { sizeBytes: 2_100_224, kind: "pvh" }],
  [
    "/home/user/images/alpine-3.20.iso",
    {
      sizeBytes: 208_666_624,
      kind: "unknown",
      medium: { kind: "cd", drives: ["cd", "disk"], label: "alpine-virt 3.20.3 x86_64", isBootable: true, details: ["ISO 9660", "El Torito x86, no emulation"], system: "alpine" },
    },
  ],
  ["/home/user/images/freedos.img", { sizeBytes: 1_474_560, kind: "unknown", medium: { kind: "floppy", drives: ["floppy", "disk"], label: "FREEDOS", isBootable: true, details: ["FAT12"], system: "freedos" } }],
  ["/home/user/images/server.img", { sizeBytes: 2 ** 31, kind: "unknown", medium: { kind: "disk", drives: ["disk"], isBootable: true, details: ["MBR partitions"] } }],
  ["/home/user/images/cut-off.iso", { sizeBytes: 41_943_040, kind: "unknown", medium: { kind: "cd", drives: ["cd"], label: "HALF", problems: ["truncated"] } }],
  ["/home/user/images/windows.vdi", { sizeBytes: 9_437_184, kind: "unknown", medium: { details: ["VDI"], problems: ["foreignDiskFormat"] } }],
  ["/home/user/notes.txt", { sizeBytes: 1204, kind: "unknown", medium: { drives: ["floppy", "disk"] } }],
]);

export class FakeFiles {
  readonly #files = new Map(FILES);

  /** A file that has come by upload or download. */
  add(path: string, sizeBytes: number): void {
    const known = [...FILES.values()].find((file) => file.medium?.kind === "cd");
    this.#files.set(path, { ...known, kind: "unknown", sizeBytes });
  }

  probe(path: string): CallReply<"file.probe"> {
    const full = expand(path);
    const file = this.#files.get(full);
    if (file !== undefined) return { exists: true, sizeBytes: file.sizeBytes, kind: file.kind, medium: mediumOf(file) };
    const isFolder = [...this.#files.keys()].some((name) => name.startsWith(`${full}/`));
    return { exists: isFolder, sizeBytes: 0, kind: isFolder ? "folder" : "missing", medium: null };
  }

  list(path: string): CallReply<"file.list"> {
    const full = expand(path === "" ? "~" : path);
    const prefix = full === "/" ? "/" : `${full}/`;
    const inside = [...this.#files].filter(([name]) => name.startsWith(prefix));
    if (inside.length === 0) throw new BridgeError("notFound", `No such folder: ${full}`);
    const entries = new Map<string, { name: string; isFolder: boolean; sizeBytes: number }>();
    for (const [name, { sizeBytes }] of inside) {
      const [first = "", ...rest] = name.slice(prefix.length).split("/");
      entries.set(first, { name: first, isFolder: rest.length > 0, sizeBytes: rest.length > 0 ? 0 : sizeBytes });
    }
    const sorted = [...entries.values()].sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || (a.name < b.name ? -1 : 1));
    return { path: full, parent: full === "/" ? null : full.slice(0, full.lastIndexOf("/")) || "/", entries: sorted };
  }
}

function mediumOf({ sizeBytes, medium }: FakeFile): MediumInfo {
  return {
    kind: "unknown",
    drives: [],
    sizeBytes,
    label: "",
    isBootable: false,
    isEfiBootable: false,
    details: [],
    partitions: [],
    problems: [],
    system: null,
    ...medium,
  };
}

const expand = (path: string): string => {
  const full = path.startsWith("~") ? HOME + path.slice(1) : path;
  return full.length > 1 ? full.replace(/\/+$/, "") : full;
};
