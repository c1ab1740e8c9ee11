// How bridges to the host's network stand, in words: in a listing, and on stderr while machines run.
import type { BridgeInfo } from "../../core/api/network.ts";
import type { VirtualNetwork } from "../../core/hypervisor/network.ts";
import type { CliHost } from "./cli.ts";

/** How it stands, and below it what an administrator does about it. */
export function bridgeText(info: BridgeInfo | undefined): string {
  switch (info?.state) {
    case undefined:
    case "off":
      return "off";
    case "failed":
      return [`not connected: ${info.message}`, ...remedyOf(info)].join("\n    ");
    default:
      return "on";
  }
}

/** Told in full wherever something is wrong, so that nobody has to look for it. */
function remedyOf({ remedy }: BridgeInfo): string[] {
  return remedy.length === 0 ? [] : ["As administrator:", ...remedy.map((line) => `  ${line}`)];
}

/** From now on says on stderr how bridges stand, where there are any that are on. */
export async function tellOfBridges(network: VirtualNetwork, { stderr }: Pick<CliHost["streams"], "stderr">): Promise<void> {
  if (!(await network.get()).bridges.some(({ enabled }) => enabled)) return;
  const told = new Map<string, string>();
  const tell = (bridges: readonly BridgeInfo[]): void => {
    for (const info of bridges) {
      const { bridge, interface: to, state } = info;
      if (state !== "connected" && state !== "failed") continue;
      const text = `ringfence: Bridge ${bridge} to the host's interface ${to} is ${state === "connected" ? "connected" : bridgeText(info)}\n`;
      if (told.get(bridge) !== text) stderr.write(text);
      told.set(bridge, text);
    }
  };
  network.subscribe((change) => change.kind === "stats" && tell(change.stats.bridges));
  tell((await network.watch()).bridges);
}
