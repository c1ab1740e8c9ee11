// What the user can do to machines: calls the app, tells of failures, keeps the busy marks. Every button, menu and shortcut
// ends here.
import i18next from "i18next";
import type { CallRequest } from "../../core/api/contract.ts";
import type { Drive } from "../../core/api/vm-config.ts";
import type { VmRecord } from "../../core/api/vm-state.ts";
import { machineName } from "../state/machines.ts";
import { fileName } from "../state/paths.ts";
import { withRecent } from "../state/preferences.ts";
import { BridgeError } from "../bridge/bridge.ts";
import { addNotice, errorNotice } from "../state/notices.ts";
import type { PowerAction } from "../state/power.ts";
import { asksFirst } from "../state/power.ts";
import type { Services } from "./services.ts";

const CALLS = {
  start: "vm.start",
  pause: "vm.pause",
  resume: "vm.resume",
  reset: "vm.reset",
  shutdown: "vm.shutdown",
  powerOff: "vm.powerOff",
} as const;

/** Does it, or asks first where the guest would lose something. */
export function requestPower(services: Services, machine: VmRecord, action: PowerAction): void {
  if (asksFirst(action)) services.view.setState({ asking: { action, id: machine.id } });
  else void doPower(services, machine, action);
}

export async function doPower(services: Services, machine: VmRecord, action: PowerAction): Promise<void> {
  const { bridge, notices, view } = services;
  const name = machineName(machine);
  view.setState((state) => ({ busy: { ...state.busy, [machine.id]: action } }));
  try {
    if (action === "delete") {
      const { trash } = await bridge.call("vm.delete", { id: machine.id });
      const restore = { label: i18next.t("common.undo"), run: () => void restoreMachine(services, trash.id, name) };
      addNotice(notices, { level: "info", title: i18next.t("power.deleted", { name }), action: restore });
    } else {
      await bridge.call(CALLS[action], { id: machine.id });
    }
  } catch (error) {
    if (isNews(services, machine.id, action)) addNotice(notices, errorNotice(i18next.t(`power.failed.${action}`, { name }), error));
  } finally {
    view.setState((state) => {
      // A later action may have taken the mark over.
      if (state.busy[machine.id] !== action) return state;
      const { [machine.id]: _done, ...busy } = state.busy;
      return { busy };
    });
  }
}

/** A start that the user cut short is no failure, and one that the failure panel in view tells of needs no notice. */
function isNews({ view, machines }: Services, id: string, action: PowerAction): boolean {
  if (action !== "start") return true;
  const { busy, selected } = view.getState();
  return busy[id] === "start" && !(selected === id && machines.getState().machines[id]?.status === "error");
}

export async function restoreMachine(services: Services, trashId: string, name: string): Promise<boolean> {
  try {
    const { vm } = await services.bridge.call("trash.restore", { id: trashId });
    services.view.setState({ selected: vm.id, announcement: i18next.t("trash.restored", { name }) });
    return true;
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("trash.restoreFailed", { name }), error));
    return false;
  }
}

/** Throws what `vm.create` threw; a failure to start is a notice, because the machine is there by then. */
export async function createMachine(services: Services, request: CallRequest<"vm.create">, start: boolean): Promise<void> {
  const { vm } = await services.bridge.call("vm.create", request);
  services.view.setState({ page: "machines", selected: vm.id, tab: start ? "console" : "overview" });
  if (start) await doPower(services, vm, "start");
}

export async function updateMachine(
  services: Services,
  machine: VmRecord,
  changes: Omit<CallRequest<"vm.update">, "id">,
): Promise<boolean> {
  try {
    await services.bridge.call("vm.update", { id: machine.id, ...changes });
    return true;
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("details.saveFailed", { name: machineName(machine) }), error));
    return false;
  }
}

export async function insertMedium(services: Services, machine: VmRecord, drive: Drive, path: string): Promise<void> {
  try {
    await services.bridge.call("vm.insertMedium", { id: machine.id, driveId: drive.id, path });
    const { kind } = drive;
    if (kind !== "disk") services.preferences.setState((old) => ({ recentMedia: withRecent(old.recentMedia, { kind, path }) }));
    services.view.setState({ announcement: i18next.t("tray.inserted", { medium: fileName(path), name: drive.id }) });
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("tray.insertFailed", { medium: fileName(path) }), error));
  }
}

/** A guest may hold the tray shut: then the user is asked whether to take the medium all the same. */
export async function ejectMedium(services: Services, machine: VmRecord, drive: Drive, force = false): Promise<void> {
  try {
    await services.bridge.call("vm.ejectMedium", { id: machine.id, driveId: drive.id, force });
    services.view.setState({ announcement: i18next.t("tray.ejected", { name: drive.id }) });
  } catch (error) {
    const notice = errorNotice(i18next.t("tray.ejectFailed", { name: drive.id }), error);
    const mayForce = !force && error instanceof BridgeError && error.code === "wrongState";
    const action = { label: i18next.t("tray.force"), run: () => void ejectMedium(services, machine, drive, true) };
    addNotice(services.notices, mayForce ? { ...notice, level: "warning", action } : notice);
  }
}

export async function typeText(services: Services, machine: VmRecord, text: string): Promise<boolean> {
  try {
    const { untyped } = await services.bridge.call("vm.typeText", { id: machine.id, text });
    if (untyped !== "") {
      addNotice(services.notices, { level: "warning", title: i18next.t("console.untyped"), message: untyped });
    }
    return true;
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("console.keysFailed", { name: machineName(machine) }), error));
    return false;
  }
}

export async function copyText(services: Services, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    services.view.setState({ announcement: i18next.t("common.copied") });
  } catch (error) {
    addNotice(services.notices, { level: "warning", title: i18next.t("console.copyFailed"), message: String(error) });
  }
}

export async function sendKeys(services: Services, machine: VmRecord, codes: string[]): Promise<void> {
  try {
    await services.bridge.call("vm.keys", { id: machine.id, codes });
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("console.keysFailed", { name: machineName(machine) }), error));
  }
}
