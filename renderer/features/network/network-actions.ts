// What the user can do to the network as a whole: edit it with undo, start the ready lab, load and save labs, capture. Every
// button, menu and key of the page ends here; failures become notices.
import i18next from "i18next";
import type { LabFile, LinkId } from "../../../core/api/network.ts";
import { LabFile as LabSchema, Topology } from "../../../core/api/network.ts";
import { doPower } from "../../app/actions.ts";
import type { Services } from "../../app/services.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import { applyPackets } from "../../state/network.ts";
import { isOn } from "../../state/power.ts";
import type { Edited } from "./edits.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { docOf, machineOf, Refusal } from "./network-doc.ts";
import type { Patch } from "./network-editor.ts";
import { NetworkEditor } from "./network-editor.ts";
import { STARTER_LAB } from "./starter-lab.ts";

export function currentDoc({ network, machines }: Pick<Services, "network" | "machines">): NetworkDoc {
  const { topology, ahead } = network.getState();
  return docOf(topology, machines.getState().machines, ahead);
}

export function createNetworkEditor({ bridge, network, machines, notices }: Omit<Services, "editor">): NetworkEditor {
  return new NetworkEditor({
    doc: () => currentDoc({ network, machines }),
    show: ({ topology, nics }) =>
      network.setState((state) => ({ topology: { ...state.topology, ...topology }, ahead: { ...state.ahead, ...nics } })),
    send: async ({ topology, nics }: Patch) => {
      if (Object.keys(topology).length > 0) {
        const { topology: now } = await bridge.call("net.get", {});
        await bridge.call("net.update", { topology: Topology.parse({ ...now, ...topology }) });
      }
      for (const [id, cards] of Object.entries(nics)) await bridge.call("vm.update", { id, nics: [...cards] });
      dropAhead(nics);
    },
    failed: (error) => {
      addNotice(notices, errorNotice(i18next.t("net.editFailed"), error));
      network.setState({ ahead: {} });
      bridge.call("net.get", {}).then(
        ({ topology }) => network.setState({ topology }),
        () => {}, // read again with the next connection
      );
    },
    changed: () => network.setState(({ edits }) => ({ edits: edits + 1 })),
  });

  /** What has been sent and not been changed since is the machines' own by now. */
  function dropAhead(nics: Patch["nics"]): void {
    network.setState(({ ahead }) => ({ ahead: Object.fromEntries(Object.entries(ahead).filter(([id, cards]) => nics[id] !== cards)) }));
  }
}

/** Does an edit, or says why not. */
export async function edit(services: Services, label: string, edited: Edited): Promise<boolean> {
  if (edited instanceof Refusal) {
    const title = i18next.t(`net.problem.${edited.reason}`, edited.values);
    addNotice(services.notices, { level: "warning", title });
    services.view.setState({ announcement: title });
    return false;
  }
  const before = currentDoc(services);
  const waiting = edited.machines.find((m) => isOn(m.status) && (machineOf(before, m.id)?.nics.length ?? 0) < m.nics.length);
  const isDone = await services.editor.apply(label, edited);
  if (isDone && waiting !== undefined) addNotice(services.notices, { level: "info", title: i18next.t("net.waits", { name: waiting.name }) });
  if (isDone) services.view.setState({ announcement: label });
  return isDone;
}

export async function undo(services: Services): Promise<void> {
  const label = services.editor.undoLabel;
  if (label !== null && (await services.editor.undo())) services.view.setState({ announcement: i18next.t("net.undone", { label }) });
}

export async function redo(services: Services): Promise<void> {
  const label = services.editor.redoLabel;
  if (label !== null && (await services.editor.redo())) services.view.setState({ announcement: i18next.t("net.redone", { label }) });
}

// ---- labs --------------------------------------------------------------------------------------

export async function createLab(services: Services, lab: LabFile, folder: string, start: boolean): Promise<boolean> {
  try {
    const { ids } = await services.bridge.call("lab.create", { lab, folder });
    if (lab.bridges.length > 0) addNotice(services.notices, { level: "info", title: i18next.t("net.labBridges", { count: lab.bridges.length }) });
    services.view.setState({ page: "networks", networkSelected: null, announcement: i18next.t("net.labMade", { count: ids.length }) });
    if (start) {
      const { machines } = services.machines.getState();
      await Promise.all(ids.map((id) => (machines[id] === undefined ? services.bridge.call("vm.start", { id }) : doPower(services, machines[id], "start"))));
    }
    return true;
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("net.labFailed"), error));
    return false;
  }
}

export const startStarterLab = (services: Services): Promise<boolean> => createLab(services, STARTER_LAB, "", true);

/** A lab file that was chosen or dropped. */
export async function importLab(services: Services, file: File): Promise<void> {
  let value: unknown;
  try {
    value = JSON.parse(await file.text());
  } catch (error) {
    addNotice(services.notices, { level: "error", title: i18next.t("net.labUnreadable", { name: file.name }), message: String(error) });
    return;
  }
  const lab = LabSchema.safeParse(value);
  if (!lab.success) {
    const message = lab.error.issues.slice(0, 5).map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("\n");
    addNotice(services.notices, { level: "error", title: i18next.t("net.labUnreadable", { name: file.name }), message });
    return;
  }
  const path = services.bridge.pathOf(file);
  const folder = path === null ? "" : path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")));
  await createLab(services, lab.data, folder, false);
}

export async function exportLab(services: Services): Promise<void> {
  try {
    const { lab } = await services.bridge.call("lab.export", {});
    download("lab.json", "application/json", `${JSON.stringify(lab, null, 2)}\n`);
  } catch (error) {
    addNotice(services.notices, errorNotice(i18next.t("net.exportFailed"), error));
  }
}

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// ---- captures ----------------------------------------------------------------------------------

export async function startCapture(services: Services, link: LinkId): Promise<void> {
  const { bridge, network, notices } = services;
  const running = Object.values(network.getState().captures).find(({ info }) => info.link === link && info.isRunning);
  if (running !== undefined) {
    network.setState({ shownCapture: running.info.id });
    return;
  }
  try {
    const { capture } = await bridge.call("net.startCapture", { link });
    applyPackets(network, capture, []);
    network.setState({ shownCapture: capture.id });
  } catch (error) {
    addNotice(notices, errorNotice(i18next.t("capture.startFailed"), error));
  }
}

export async function stopCapture({ bridge, network, notices }: Services, captureId: string): Promise<void> {
  try {
    const { capture } = await bridge.call("net.stopCapture", { captureId });
    applyPackets(network, capture, []);
  } catch (error) {
    addNotice(notices, errorNotice(i18next.t("capture.stopFailed"), error));
  }
}

export async function saveCapture({ bridge, network, notices, view }: Services, captureId: string): Promise<void> {
  try {
    const { path } = await bridge.call("net.saveCapture", { captureId });
    network.setState(({ captures }) => {
      const old = captures[captureId];
      return old === undefined ? {} : { captures: { ...captures, [captureId]: { ...old, info: { ...old.info, path } } } };
    });
    addNotice(notices, { level: "success", title: i18next.t("capture.saved"), message: path });
    view.setState({ announcement: i18next.t("capture.saved") });
  } catch (error) {
    addNotice(notices, errorNotice(i18next.t("capture.saveFailed"), error));
  }
}
