// Interfaces of a host as bridges see them: a test holds the far end of each that is joined, and says how it stands.
import type { HostInterfaces, JointState } from "../network/fabric/bridges.ts";
import type { NetPort } from "../network/port.ts";

export interface FakeJoint {
  end: NetPort;
  changed(state: JointState): void;
}

export class FakeInterfaces implements HostInterfaces {
  /** Those that are joined now. */
  readonly joined = new Map<string, FakeJoint>();

  join(name: string, end: NetPort, changed: (state: JointState) => void): { close(): void } {
    this.joined.set(name, { end, changed });
    changed({ state: "connecting", fault: null, message: "", remedy: [] });
    return {
      close: () => {
        end.connect(null);
        this.joined.delete(name);
      },
    };
  }
}
