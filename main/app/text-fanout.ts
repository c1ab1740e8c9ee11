// Brings text screens to the peers that watch them: for copying and for screen readers. Asked of the machine's thread only after
// its picture has changed, a few times a second at most, and sent only if the text differs from what was sent last.
import type { ScreenText } from "../../core/api/vm-state.ts";
import type { Hypervisor } from "../../core/hypervisor/hypervisor.ts";
import type { Peer } from "./peer.ts";

const PAUSE_MS = 150;

export class TextFanout {
  private readonly hypervisor: Pick<Hypervisor, "screenText">;
  private readonly peers: ReadonlySet<Peer>;
  /** What each machine's watchers know, as JSON. */
  private readonly sent = new Map<string, string>();
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(hypervisor: Pick<Hypervisor, "screenText">, peers: ReadonlySet<Peer>) {
    this.hypervisor = hypervisor;
    this.peers = peers;
  }

  /** The peer gets the text of now, and so do the others if it is new to them. */
  begin(peer: Peer, id: string): Promise<void> {
    return this.send(id, peer);
  }

  /** The machine's picture or state has changed. */
  changed(id: string): void {
    if (this.timers.has(id) || !this.isWatched(id)) return;
    const timer = setTimeout(() => {
      this.timers.delete(id);
      void this.send(id);
    }, PAUSE_MS);
    this.timers.set(id, timer);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  private async send(id: string, newcomer?: Peer): Promise<void> {
    const screen = await this.read(id);
    const text = JSON.stringify(screen);
    const isNews = text !== this.sent.get(id);
    this.sent.set(id, text);
    for (const peer of this.peers) if (peer.texts.has(id) && (isNews || peer === newcomer)) peer.send("vm.text", { id, screen });
  }

  /** Null too when the thread does not answer or has just ended: its state is told elsewhere. */
  private read(id: string): Promise<ScreenText | null> {
    return this.hypervisor.screenText(id).catch(() => null);
  }

  private isWatched(id: string): boolean {
    for (const peer of this.peers) if (peer.texts.has(id)) return true;
    return false;
  }
}
