// Deadlines of many owners in a binary heap with lazy removal: a deadline that moves later costs nothing until the old one is due.

export interface Scheduled {
  readonly deadline: number;
  /** Where the queue has its entry; kept by the queue. Starts as Infinity. */
  queuedNs: number;
}

export class DeadlineQueue<S extends Scheduled> {
  private readonly heap: { atNs: number; item: S }[] = [];

  /** At or before the earliest real deadline. */
  get nextNs(): number {
    return this.heap[0]?.atNs ?? Infinity;
  }

  /** To be called whenever the item's deadline may have come closer. */
  update(item: S): void {
    const atNs = item.deadline;
    if (atNs >= item.queuedNs) return;
    item.queuedNs = atNs;
    const heap = this.heap;
    let at = heap.push({ atNs, item }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as { atNs: number }).atNs <= atNs) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** The next item that is due, or undefined. The caller handles it and calls update() again. */
  takeDue(nowNs: number): S | undefined {
    for (let first = this.heap[0]; first !== undefined && first.atNs <= nowNs; first = this.heap[0]) {
      const { atNs, item } = first;
      this.removeFirst();
      if (item.queuedNs !== atNs) continue;
      item.queuedNs = Infinity;
      if (item.deadline <= nowNs) return item;
      this.update(item);
    }
    return undefined;
  }

  private removeFirst(): void {
    const heap = this.heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && (heap[child] as { atNs: number }).atNs < (heap[least] as { atNs: number }).atNs) least = child;
      }
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    const item = this.heap[a] as { atNs: number; item: S };
    this.heap[a] = this.heap[b] as { atNs: number; item: S };
    this.heap[b] = item;
  }
}
