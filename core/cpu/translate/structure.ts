// Shapes a region's control flow into what WebAssembly has: blocks and loops. By the dominator tree, as N. Ramsey's "Beyond
// Relooper" (ICFP 2022) describes; an edge that goes back to a block which does not dominate its source leaves the region instead.

export interface Graph {
  /** Successors of each node; node 0 is the entry and reaches all. */
  readonly successors: readonly (readonly number[])[];
}

export interface Structure {
  /** Nodes in reverse postorder. */
  readonly order: readonly number[];
  /** Of each node, those that can be reached. */
  readonly predecessors: readonly (readonly number[])[];
  /** Children in the dominator tree, latest in reverse postorder first. */
  readonly children: readonly (readonly number[])[];
  readonly isLoopHead: readonly boolean[];
  /** More than one forward edge leads here. */
  readonly isMerge: readonly boolean[];
  /** Whether the edge goes back to one of its dominators. */
  isBackEdge(from: number, to: number): boolean;
  /** An edge that no structure can hold. */
  isIrreducible(from: number, to: number): boolean;
}

export function structureOf({ successors }: Graph): Structure {
  const count = successors.length;
  const order = reversePostorder(successors);
  const rank = new Int32Array(count).fill(-1);
  for (const [n, node] of order.entries()) rank[node] = n;
  const predecessors: number[][] = successors.map(() => []);
  successors.forEach((list, from) => {
    if ((rank[from] as number) >= 0) for (const to of list) predecessors[to]?.push(from);
  });
  const idom = dominators(order, rank, predecessors);
  const dominates = (a: number, b: number): boolean => {
    let n = b;
    while ((rank[n] as number) > (rank[a] as number)) n = idom[n] as number;
    return n === a;
  };
  const isRetreating = (from: number, to: number): boolean => (rank[to] as number) <= (rank[from] as number);
  const isBackEdge = (from: number, to: number): boolean => isRetreating(from, to) && dominates(to, from);
  const isIrreducible = (from: number, to: number): boolean => isRetreating(from, to) && !dominates(to, from);
  const children: number[][] = successors.map(() => []);
  for (let n = order.length - 1; n > 0; n--) children[idom[order[n] as number] as number]?.push(order[n] as number);
  const isLoopHead = successors.map((_, node) => (predecessors[node] as number[]).some((from) => isBackEdge(from, node)));
  const isMerge = successors.map((_, node) => (predecessors[node] as number[]).filter((from) => !isRetreating(from, node)).length > 1);
  return { order, predecessors, children, isLoopHead, isMerge, isBackEdge, isIrreducible };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Uint8Array(successors.length);
  const out: number[] = [];
  const stack: { node: number; next: number }[] = [{ node: 0, next: 0 }];
  seen[0] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { node: number; next: number };
    const list = successors[top.node] as readonly number[];
    if (top.next === list.length) {
      out.push(top.node);
      stack.pop();
      continue;
    }
    const to = list[top.next++] as number;
    if (seen[to]) continue;
    seen[to] = 1;
    stack.push({ node: to, next: 0 });
  }
  return out.reverse();
}

/** Immediate dominators: K. Cooper, T. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm". */
function dominators(order: readonly number[], rank: Int32Array, predecessors: readonly (readonly number[])[]): Int32Array {
  const idom = new Int32Array(rank.length).fill(-1);
  idom[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === 0) continue;
      let best = -1;
      for (const p of predecessors[node] as readonly number[]) {
        if ((idom[p] as number) < 0) continue;
        if (best < 0) best = p;
        else {
          let a = p;
          while (a !== best) {
            if ((rank[a] as number) > (rank[best] as number)) a = idom[a] as number;
            else best = idom[best] as number;
          }
        }
      }
      if (idom[node] !== best) {
        idom[node] = best;
        changed = true;
      }
    }
  }
  return idom;
}
