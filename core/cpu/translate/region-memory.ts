// How a region reaches guest memory: each place that does keeps the page it met last (a site, 16 bytes in the region's data, see
// mmu/refill.ts), or goes by what another access of its group has found (page-groups.ts).
import { extentOf } from "../mmu/refill.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node } from "../wasm/nodes.ts";
import { type PageGroups, patched } from "./page-groups.ts";
import type { RegionBuilder } from "./region-builder.ts";

export interface MemoryParts<S> {
  f: RegionBuilder<S>;
  groups: PageGroups;
  /** SITE_KEY, and the address of the region's data. */
  key: Variable;
  data: Variable;
  /** Offset of a new site in the data. */
  takeSite(): number;
  callee(name: string): Callee;
  /** A sum as an address of the mode. */
  cutAddress(sum: Node): Node;
  /** Leaves the instruction to the interpreter. */
  leave(): void;
}

export class RegionMemory<S> {
  private readonly p: MemoryParts<S>;

  constructor(parts: MemoryParts<S>) {
    this.p = parts;
  }

  /** Host address of `size` bytes at linear address `ea` (a local). */
  host(ea: Node, size: number, access: "read" | "write"): Node {
    const { f, groups } = this.p;
    const member = groups.join(ea, size, access);
    const host = f.variable(I32);
    if (!member) this.ask(host, ea, size, access);
    else {
      const { kept } = member.group;
      f.ifUnlikely(
        i32.eqz(kept.get),
        () => {
          f.set(host, call(this.p.callee(access === "read" ? "probeRead" : "probeWrite"), ea, c32(size)));
          f.ifUnlikely(i32.eqz(host.get), () => this.p.leave());
        },
        () => f.set(host, i32.add(kept.get, c32(member.distance))),
      );
    }
    return host.get;
  }

  /** Through a site of the access's own; for a whole group, if it can be the leader of one. */
  private ask(host: Variable, ea: Node, size: number, access: "read" | "write"): void {
    const { f, groups, key, data } = this.p;
    const site = this.p.takeSite();
    const group = f.isUnconditional ? groups.open(ea, size, access) : null;
    const least = group ? f.let(this.p.cutAddress(i64.sub(ea, patched(group.patches.lead, I64)))) : ea;
    const limit = group ? patched(group.patches.limit, I64) : c64(4096 - size);
    f.ifUnlikely(
      i64.gtU(i64.xor(least, i64.xor(key.get, i64.load(data.get, site))), limit),
      () => {
        const extent = group ? patched(group.patches.extent, I32) : c32(extentOf(size));
        const both = f.let(call(this.p.callee(access === "read" ? "refillRead" : "refillWrite"), ea, i32.add(data.get, c32(site)), extent));
        f.set(host, i32.wrap(both));
        f.ifUnlikely(i32.eqz(host.get), () => this.p.leave());
        if (group) f.set(group.kept, i32.wrap(i64.shrU(both, c64(32))));
      },
      () => {
        f.set(host, i32.add(i32.wrap(ea), i32.load(data.get, site + 8)));
        if (group) f.set(group.kept, host.get);
      },
    );
  }

  /** What was asked of pages may hold no more. */
  forgetKept(): void {
    for (const { kept } of this.p.groups.inScope()) this.p.f.set(kept, c32(0));
  }
}
