// A few made-up files for the browse dialog. Only for the fake bridge.
import type { CallReply } from "../../core/api/contract.ts";
import { BridgeError } from "./bridge.ts";

const HOME = "/home/user";
type Kind = CallReply<"file.probe">["kind"];

const FILES: Record<string, { sizeBytes: number; kind: Kind }> = {
  "/home/user/images/debian/vmlinuz": { sizeBytes: 8_222_624, kind: "linux" },
  "/home/user/images/debian/initrd.gz": { sizeBytes: 38_415_102, kind: "unknown" },
  "/home/user/images/tiny.elf": { sizeBytes: 18_432, kind: "multiboot" },
  "/home/user/images/pvh-kernel": { sizeBytes: 2_100_224, kind: "pvh" },
  "/home/user/images/alpine-3.20.iso": { sizeBytes: 208_666_624, kind: "image" },
  "/home/user/notes.txt": { sizeBytes: 1204, kind: "unknown" },
};

export class FakeFiles {
  probe(path: string): CallReply<"file.probe"> {
    const full = expand(path);
    const file = FILES[full];
    if (file !== undefined) return { exists: true, ...file };
    const isFolder = Object.keys(FILES).some((name) => name.startsWith(`${full}/`));
    return { exists: isFolder, sizeBytes: 0, kind: isFolder ? "folder" : "missing" };
  }

  list(path: string): CallReply<"file.list"> {
    const full = expand(path === "" ? "~" : path);
    const prefix = full === "/" ? "/" : `${full}/`;
    const inside = Object.keys(FILES).filter((name) => name.startsWith(prefix));
    if (inside.length === 0) throw new BridgeError("notFound", `No such folder: ${full}`);
    const entries = new Map<string, { name: string; isFolder: boolean; sizeBytes: number }>();
    for (const name of inside) {
      const [first = "", ...rest] = name.slice(prefix.length).split("/");
      entries.set(first, { name: first, isFolder: rest.length > 0, sizeBytes: rest.length > 0 ? 0 : (FILES[name]?.sizeBytes ?? 0) });
    }
    const sorted = [...entries.values()].sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || (a.name < b.name ? -1 : 1));
    return { path: full, parent: full === "/" ? null : full.slice(0, full.lastIndexOf("/")) || "/", entries: sorted };
  }
}

const expand = (path: string): string => {
  const full = path.startsWith("~") ? HOME + path.slice(1) : path;
  return full.length > 1 ? full.replace(/\/+$/, "") : full;
};
