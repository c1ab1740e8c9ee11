// Brings pictures to the peers that watch. Each peer has, for each machine it watches, one rectangle of what it has not seen yet:
// a peer that is slow skips pictures and gets the union later, so nothing piles up and the last picture always arrives.
// Thumbnails go once a second at most. Nobody watching: the machine's thread draws nothing.
import type { DirtyRect } from "../../core/api/worker-protocol.ts";
import type { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import { frameMessage } from "./frame-message.ts";
import type { Peer } from "./peer.ts";

const FRAME_MS = 16;
const THUMBNAIL_MS = 1000;
const THUMBNAIL_WIDTH = 320;
const THUMBNAIL_HEIGHT = 200;
/** How soon a picture that could not be sent is tried again. */
const RETRY_MS = 50;

export class FrameFanout {
  private readonly hypervisor: Hypervisor;
  private readonly peers: ReadonlySet<Peer>;
  private readonly unseen = new Map<Peer, Map<string, DirtyRect>>();
  /** Machines whose thumbnail has changed since it was sent, and to whom it is owed. */
  private readonly owedThumbnails = new Map<string, Set<Peer>>();
  private readonly thumbnailTimers = new Map<string, NodeJS.Timeout>();
  private retry: NodeJS.Timeout | undefined;

  constructor(hypervisor: Hypervisor, peers: ReadonlySet<Peer>) {
    this.hypervisor = hypervisor;
    this.peers = peers;
  }

  /** To be called after a peer's watched sets have changed, or a machine was started. */
  updateInterval(id: string): void {
    const watchers = [...this.peers];
    const interval = watchers.some((p) => p.watched.has(id)) ? FRAME_MS : watchers.some((p) => p.thumbnails.has(id)) ? THUMBNAIL_MS : 0;
    this.hypervisor.setFrameInterval(id, interval);
  }

  /** The peer sees the machine's picture of now, then its changes. */
  begin(peer: Peer, id: string, isThumbnail: boolean): void {
    if (!isThumbnail) this.markAll(peer, id);
    else if (this.hypervisor.screen(id)?.size().width) this.oweThumbnail(peer, id);
    this.updateInterval(id);
  }

  end(peer: Peer, id: string, isThumbnail: boolean): void {
    if (isThumbnail) this.owedThumbnails.get(id)?.delete(peer);
    else this.unseen.get(peer)?.delete(id);
    this.updateInterval(id);
  }

  forget(peer: Peer): void {
    this.unseen.delete(peer);
    for (const owed of this.owedThumbnails.values()) owed.delete(peer);
    for (const id of new Set([...peer.watched, ...peer.thumbnails])) this.updateInterval(id);
  }

  /** Part of a machine's picture has changed. */
  changed(id: string, rect: DirtyRect): void {
    for (const peer of this.peers) {
      if (peer.watched.has(id)) {
        this.mark(peer, id, rect);
        this.flush(peer, id);
      }
      if (peer.thumbnails.has(id)) this.oweThumbnail(peer, id);
    }
  }

  close(): void {
    clearTimeout(this.retry);
    for (const timer of this.thumbnailTimers.values()) clearTimeout(timer);
  }

  private markAll(peer: Peer, id: string): void {
    const size = this.hypervisor.screen(id)?.size();
    if (!size || size.width === 0) return;
    this.mark(peer, id, { x: 0, y: 0, ...size });
    this.flush(peer, id);
  }

  private mark(peer: Peer, id: string, rect: DirtyRect): void {
    let rects = this.unseen.get(peer);
    if (!rects) {
      rects = new Map();
      this.unseen.set(peer, rects);
    }
    const old = rects.get(id);
    rects.set(id, old ? union(old, rect) : rect);
  }

  private flush(peer: Peer, id: string): void {
    const screen = this.hypervisor.screen(id);
    const rect = this.unseen.get(peer)?.get(id);
    if (!screen || !rect) return;
    const { width, height } = screen.size();
    // The mode may have changed since; what is left of the rectangle still lies in the picture.
    const cut = intersection(rect, width, height);
    if (cut) {
      const message = frameMessage(id, false, width, height, cut);
      if (!screen.copy(cut, width, height, message.pixels) || !peer.port.sendFrame(message.bytes)) {
        this.retryLater();
        return;
      }
    }
    this.unseen.get(peer)?.delete(id);
  }

  private retryLater(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      for (const [peer, rects] of this.unseen) for (const id of rects.keys()) this.flush(peer, id);
    }, RETRY_MS);
  }

  private oweThumbnail(peer: Peer, id: string): void {
    const owed = this.owedThumbnails.get(id);
    if (owed) owed.add(peer);
    else this.owedThumbnails.set(id, new Set([peer]));
    if (this.thumbnailTimers.has(id)) return;
    this.sendThumbnail(id);
    // Further changes within the next second are sent at its end.
    const timer = setTimeout(() => {
      this.thumbnailTimers.delete(id);
      const [next] = this.owedThumbnails.get(id) ?? [];
      if (next) this.oweThumbnail(next, id);
    }, THUMBNAIL_MS);
    this.thumbnailTimers.set(id, timer);
  }

  private sendThumbnail(id: string): void {
    const owed = this.owedThumbnails.get(id);
    const picture = this.hypervisor.screen(id)?.thumbnail(THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT);
    if (!owed || !picture) return;
    const { width, height, pixels } = picture;
    const message = frameMessage(id, true, width, height, { x: 0, y: 0, width, height });
    message.pixels.set(pixels);
    for (const peer of owed) if (peer.port.sendFrame(message.bytes)) owed.delete(peer);
  }
}

function union(a: DirtyRect, b: DirtyRect): DirtyRect {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

function intersection(rect: DirtyRect, width: number, height: number): DirtyRect | undefined {
  const cut = { x: rect.x, y: rect.y, width: Math.min(rect.width, width - rect.x), height: Math.min(rect.height, height - rect.y) };
  return cut.width > 0 && cut.height > 0 ? cut : undefined;
}
