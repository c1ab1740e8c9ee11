// Making a machine with its card, from the wizard and in one click: what the card leads to is made first, where it is not there.
import i18next from "i18next";
import type { Nic } from "../../../core/api/network.ts";
import { createMachine } from "../../app/actions.ts";
import type { Services } from "../../app/services.ts";
import { uniqueName } from "../../state/machines.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import { currentDoc } from "../network/network-actions.ts";
import { Refusal } from "../network/network-doc.ts";
import type { NetworkChoice } from "./network-choice.ts";
import { connectionOf, defaultNetwork, modelFor, natNetwork, newNic } from "./network-choice.ts";
import { DEFAULT_MEMORY_MIB } from "./wizard-state.ts";

/** The cards of a new machine; `choice` null is the default, `model` null a machine that has no use for a card. Throws what `net.update` threw. */
export async function joinNetwork(services: Services, choice: NetworkChoice | null, model: Nic["model"] | null): Promise<Nic[]> {
  const { topology, loaded } = services.network.getState();
  const wanted = choice ?? defaultNetwork(topology, loaded);
  const doc = currentDoc(services);
  if (model === null) return [];
  const connection = connectionOf(wanted);
  if (connection !== null) return [newNic(doc, connection, model, Math.random)];
  if (wanted !== "nat") return [];
  const made = natNetwork(doc);
  if (made.edited instanceof Refusal) return [];
  await services.bridge.call("net.update", { topology: made.edited.topology });
  return [newNic(doc, made.connection, model, Math.random)];
}

/** As the wizard would make it with nothing changed. */
export async function bootDemo(services: Services): Promise<void> {
  const name = uniqueName(i18next.t("empty.demoName"), services.machines.getState().machines);
  try {
    const nics = await joinNetwork(services, null, modelFor(null));
    await createMachine(services, { name, memoryMiB: DEFAULT_MEMORY_MIB.demo, boot: { kind: "demo" }, ...(nics.length > 0 ? { nics } : {}) }, true);
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("create.failed"), error));
  }
}
