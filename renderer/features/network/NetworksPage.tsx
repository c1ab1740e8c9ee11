// The Networks page: tools, the drawing or the list, the panel of what is selected, live captures below.
import { Button, Menu, SegmentedControl, Tooltip, ActionIcon } from "@mantine/core";
import { ReactFlowProvider } from "@xyflow/react";
import { Cable, ChevronDown, EthernetPort, FileDown, FileUp, ImageDown, Network, Redo2, Router, Undo2, WandSparkles } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMachines, useNetwork, usePreference, useServices, useView } from "../../app/services.ts";
import { addNotice } from "../../state/notices.ts";
import { watchNetwork } from "../../state/network.ts";
import { CaptureView } from "./CaptureView.tsx";
import type { End } from "./drawn-connection.ts";
import { drawn } from "./drawn-connection.ts";
import { addBridge, addGateway, addSwitch, addTrunk, arrange, connectNic, removalOf } from "./edits.ts";
import { EmptyNetworks, StarterLabButton } from "./EmptyNetworks.tsx";
import { Inspector } from "./Inspector.tsx";
import { currentDoc, download, edit as doEdit, exportLab, importLab, redo, undo } from "./network-actions.ts";
import { NetworkCanvas } from "./NetworkCanvas.tsx";
import { docOf, freeName, machineOf, Refusal, vlansOf } from "./network-doc.ts";
import { NetworkList } from "./NetworkList.tsx";
import type { MenuAt } from "./NetworkMenu.tsx";
import { NetworkMenu } from "./NetworkMenu.tsx";
import type { NetworkUi } from "./network-ui.ts";
import { NetworkUiContext } from "./network-ui.ts";
import { pictureOf } from "./picture.ts";
import { sceneOf } from "./scene.ts";
import { TrunkDialog } from "./TrunkDialog.tsx";

type Asking = { kind: "trunk"; switches: [string, string]; mayChoose: boolean } | { kind: "card"; vm: string; nic: string; switch: string };

export function NetworksPage() {
  const { t } = useTranslation();
  const services = useServices();
  const topology = useNetwork((state) => state.topology);
  const loaded = useNetwork((state) => state.loaded);
  const ahead = useNetwork((state) => state.ahead);
  useNetwork((state) => state.edits);
  const machines = useMachines((state) => state.machines);
  const captureId = useNetwork((state) => state.shownCapture);
  const selected = useView((state) => state.networkSelected);
  const form = usePreference("networkView");
  const [menu, setMenu] = useState<MenuAt | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const file = useRef<HTMLInputElement>(null);
  const doc = useMemo(() => docOf(topology, machines, ahead), [topology, machines, ahead]);
  const scene = useMemo(() => sceneOf(doc), [doc]);
  useEffect(() => watchNetwork(services.network, services.bridge), [services]);

  const announce = (text: string): void => {
    addNotice(services.notices, { level: "warning", title: text });
    services.view.setState({ announcement: text });
  };
  const ui: NetworkUi = {
    doc,
    selected,
    select: (what) => services.view.setState({ networkSelected: what }),
    edit: (label, edited) => void doEdit(services, label, edited),
    openMenu: (what, x, y) => what !== "internet" && what !== "shelf" && setMenu({ what, x, y }),
  };
  const nameOf = (end: End): string =>
    end.kind === "vm" || end.kind === "nic" ? (machineOf(doc, end.vm)?.name ?? "") : end.kind === "gateway" || end.kind === "bridge" || end.kind === "switch" ? end.name : end.kind === "vlan" ? end.switch : "";
  const draw = (from: End, to: End): void => {
    const what = drawn(doc, from, to, Math.random);
    if ("ask" in what) setAsking(what.ask === "trunk" ? { kind: "trunk", switches: what.switches, mayChoose: false } : { kind: "card", vm: what.vm, nic: what.nic, switch: what.switch });
    else ui.edit(t("net.done.connected", { name: nameOf(from) }), what.edited);
  };
  // Of the window, because a button that has become disabled takes the focus with it.
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const isField = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      const { networkSelected } = services.view.getState();
      if (event.key === "Delete" && !isField && networkSelected !== null && event.target instanceof Element && event.target.closest(".rf-net-stage") !== null) {
        const removal = removalOf(currentDoc(services), networkSelected);
        if (removal !== null) void doEdit(services, t("net.done.removed"), removal);
      }
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || isField) return;
      event.preventDefault();
      void (event.shiftKey ? redo(services) : undo(services));
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [services, t]);
  const makeSwitch = (): void => {
    const name = freeName(doc, "s", true);
    ui.edit(t("net.done.switchAdded", { name }), addSwitch(doc, name));
    ui.select(`switch:${name}`);
  };
  const spots = doc.topology.switches.flatMap(({ name }) => vlansOf(doc, name).map((vlan) => ({ name, vlan })));
  const freeSpot = spots.find(({ name, vlan }) => !topology.gateways.some((g) => g.switch === name && g.vlan === vlan));
  const [firstSpot] = spots;
  // It may have to be moved: the host's network has a DHCP server of its own.
  const bridgeSpot = freeSpot ?? firstSpot;
  const makeBridge = ({ name, vlan }: { name: string; vlan: number }): void => {
    const edited = addBridge(doc, name, vlan);
    ui.edit(t("net.done.bridgeAdded", { vlan }), edited);
    const made = edited instanceof Refusal ? undefined : edited.topology.bridges.at(-1);
    if (made !== undefined) ui.select(`bridge:${made.name}`);
  };
  const [first, second] = topology.switches;
  const isEmpty = topology.switches.length === 0;

  return (
    <NetworkUiContext value={ui}>
      <main id="main" className="rf-main rf-net" tabIndex={-1} aria-busy={!loaded}>
        <header className="rf-head rf-net-head">
          <h1>{t("net.title")}</h1>
          <div className="rf-net-tools">
            <Menu position="bottom-start">
              <Menu.Target>
                <Button leftSection={<Network size={14} aria-hidden="true" />} rightSection={<ChevronDown size={13} aria-hidden="true" />} data-testid="net-add">
                  {t("net.add")}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<Network size={14} aria-hidden="true" />} onClick={makeSwitch} data-testid="add-switch">
                  {t("net.addSwitch")}
                </Menu.Item>
                <Menu.Item
                  leftSection={<Cable size={14} aria-hidden="true" />}
                  disabled={first === undefined || second === undefined}
                  onClick={() => first !== undefined && second !== undefined && setAsking({ kind: "trunk", switches: [first.name, second.name], mayChoose: true })}
                  data-testid="add-trunk"
                >
                  {t("net.addTrunk")}
                </Menu.Item>
                <Menu.Item
                  leftSection={<Router size={14} aria-hidden="true" />}
                  disabled={freeSpot === undefined}
                  onClick={() => freeSpot !== undefined && ui.edit(t("net.done.gatewayAdded", { vlan: freeSpot.vlan }), addGateway(doc, freeSpot.name, freeSpot.vlan))}
                >
                  {t("net.addGateway")}
                </Menu.Item>
                <Menu.Item leftSection={<EthernetPort size={14} aria-hidden="true" />} disabled={bridgeSpot === undefined} onClick={() => bridgeSpot !== undefined && makeBridge(bridgeSpot)} data-testid="add-bridge">
                  {t("net.addBridge")}
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
            <Tool label={services.editor.undoLabel === null ? t("net.undo") : t("net.undoWhat", { label: services.editor.undoLabel })} isOff={services.editor.undoLabel === null} onClick={() => void undo(services)} testId="net-undo">
              <Undo2 size={16} aria-hidden="true" />
            </Tool>
            <Tool label={services.editor.redoLabel === null ? t("net.redo") : t("net.redoWhat", { label: services.editor.redoLabel })} isOff={services.editor.redoLabel === null} onClick={() => void redo(services)} testId="net-redo">
              <Redo2 size={16} aria-hidden="true" />
            </Tool>
            <Tool label={t("net.arrange")} isOff={isEmpty} onClick={() => ui.edit(t("net.done.arranged"), arrange(doc))} testId="net-arrange">
              <WandSparkles size={16} aria-hidden="true" />
            </Tool>
            <span className="rf-bar-gap" />
            <Menu position="bottom-end">
              <Menu.Target>
                <Button leftSection={<FileDown size={14} aria-hidden="true" />} rightSection={<ChevronDown size={13} aria-hidden="true" />} data-testid="net-file">
                  {t("net.lab")}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<FileUp size={14} aria-hidden="true" />} onClick={() => file.current?.click()}>
                  {t("net.import")}
                </Menu.Item>
                <Menu.Item leftSection={<FileDown size={14} aria-hidden="true" />} onClick={() => void exportLab(services)} data-testid="net-export">
                  {t("net.export")}
                </Menu.Item>
                <Menu.Item leftSection={<ImageDown size={14} aria-hidden="true" />} disabled={isEmpty} onClick={() => download("network.svg", "image/svg+xml", pictureOf(doc, scene, t("net.internet"), (vlan) => t("net.vlanNumber", { vlan })))} data-testid="net-picture">
                  {t("net.picture")}
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
            <SegmentedControl
              aria-label={t("net.view")}
              data={[
                { value: "drawing", label: t("net.asDrawing") },
                { value: "list", label: t("net.asList") },
              ]}
              value={form}
              onChange={(value) => services.preferences.setState({ networkView: value === "list" ? "list" : "drawing" })}
              data-testid="net-view"
            />
          </div>
          <input
            ref={file}
            type="file"
            accept=".json,application/json"
            className="rf-visually-hidden"
            aria-label={t("net.import")}
            tabIndex={-1}
            data-testid="lab-file"
            onChange={(event) => {
              const chosen = event.currentTarget.files?.[0];
              event.currentTarget.value = "";
              if (chosen !== undefined) void importLab(services, chosen);
            }}
          />
        </header>
        {isEmpty ? (
          loaded && <EmptyNetworks onSwitch={makeSwitch} onImport={() => file.current?.click()} />
        ) : (
          <div className="rf-net-body">
            <div className="rf-net-stage">
              {form === "list" ? (
                <NetworkList />
              ) : (
                <ReactFlowProvider>
                  <NetworkCanvas key={captureId === null ? "tall" : "low"} scene={scene} onDraw={draw} onAnnounce={announce} />
                </ReactFlowProvider>
              )}
              {doc.machines.length === 0 && (
                <div className="rf-net-invite">
                  <span>{t("net.noMachines")}</span> <StarterLabButton size="xs" />
                </div>
              )}
            </div>
            <Inspector />
          </div>
        )}
        {captureId !== null && <CaptureView key={captureId} captureId={captureId} />}
        {menu !== null && <NetworkMenu key={`${menu.what}${menu.x}${menu.y}`} at={menu} onClose={() => setMenu(null)} />}
      </main>
      {asking?.kind === "trunk" && (
        <TrunkDialog
          doc={doc}
          switches={asking.switches}
          mayChoose={asking.mayChoose}
          onClose={() => setAsking(null)}
          onTrunk={(a, b, allowed) => ui.edit(t("net.done.trunkAdded", { a, b }), addTrunk(doc, a, b, allowed))}
        />
      )}
      {asking?.kind === "card" && (
        <TrunkDialog
          doc={doc}
          switches={[asking.switch]}
          onClose={() => setAsking(null)}
          onCard={(vlans) => ui.edit(t("net.done.connected", { name: machineOf(doc, asking.vm)?.name ?? "" }), connectNic(doc, asking.vm, asking.nic, { switch: asking.switch, vlans }))}
        />
      )}
    </NetworkUiContext>
  );
}

function Tool({ label, isOff, onClick, testId, children }: { label: string; isOff: boolean; onClick: () => void; testId: string; children: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} disabled={isOff} onClick={onClick} data-testid={testId} size="lg">
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
