// The drawing. Machines are dragged onto VLANs, lines are drawn between sockets; what is let go is worked out by
// `drawn-connection.ts`. With the keyboard: Tab goes from thing to thing, Enter selects, arrow keys move what has a place of its
// own, the menu key opens what can be done.
import type { Connection, Edge, Node, NodeChange, OnConnectEnd } from "@xyflow/react";
import { Background, ConnectionMode, ReactFlow, useReactFlow } from "@xyflow/react";
import { Maximize, ZoomIn, ZoomOut } from "lucide-react";
import { ActionIcon, Tooltip } from "@mantine/core";
import type { MouseEvent as ReactMouseEvent } from "react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNetwork } from "../../app/services.ts";
import type { NodeData } from "./canvas-nodes.tsx";
import { handlesOf, NODE_TYPES } from "./canvas-nodes.tsx";
import type { End } from "./drawn-connection.ts";
import { endOf } from "./drawn-connection.ts";
import { setPlaces } from "./edits.ts";
import { LinkEdge } from "./LinkEdge.tsx";
import { bridgeState, linkTitle } from "./link-text.ts";
import { vlanName } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";
import type { Point, Scene, SceneNode } from "./scene.ts";
import { absolute, nodeAt } from "./scene.ts";

const EDGE_TYPES = { link: LinkEdge };
const FIT = { padding: 0.12, maxZoom: 1.15 } as const;
type FlowNode = Node<NodeData>;

export function NetworkCanvas({ scene, onDraw, onAnnounce }: { scene: Scene; onDraw: (from: End, to: End) => void; onAnnounce: (text: string) => void }) {
  const { t } = useTranslation();
  const { doc, selected, select, edit, openMenu } = useNetworkUi();
  const bridges = useNetwork((state) => state.bridges);
  const flow = useReactFlow();
  /** Where things are held while they move, within their parents. */
  const [held, setHeld] = useState<Record<string, Point>>({});
  /** The same, also before it has been drawn: what is let go at once is still let go where it is. */
  const holding = useRef<Record<string, Point>>({});
  /** What was there when all of it was last fitted into view. */
  const [fitted, setFitted] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: labels follow the language with the scene.
  const nodes = useMemo(
    () =>
      scene.nodes.map((node): FlowNode => {
        const isFixed = node.kind === "vlan";
        return {
          id: node.id,
          type: node.kind,
          ...(node.parent === null ? {} : { parentId: node.parent }),
          position: held[node.id] ?? { x: node.x, y: node.y },
          width: node.width,
          height: node.height,
          measured: { width: node.width, height: node.height },
          handles: handlesOf(node),
          data: { node, isOver: over === node.id },
          selected: selected === node.id,
          draggable: !isFixed,
          zIndex: node.kind === "vm" && held[node.id] !== undefined ? 1000 : 0,
          ariaLabel: nodeLabel(node),
          domAttributes: { "aria-roledescription": t("net.thing") },
        };
      }),
    [scene, held, over, selected, bridges],
  );
  const edges = useMemo(
    () =>
      scene.lines.map(
        (line): Edge => ({
          id: line.id,
          type: "link",
          source: line.from.node,
          sourceHandle: line.from.handle,
          target: line.to.node,
          targetHandle: line.to.handle,
          data: { line },
          selected: selected === `link:${line.id}`,
          ariaLabel: t("net.linkLabel", { name: linkTitle(doc, line.id.replace(/^nat:/, "gateway:")) }),
          domAttributes: { "aria-roledescription": t("net.link") },
          focusable: line.kind !== "nat",
          selectable: line.kind !== "nat",
        }),
      ),
    [scene, selected, doc, t],
  );

  function nodeLabel(node: SceneNode): string {
    switch (node.kind) {
      case "switch":
        return t("net.switchLabel", { name: node.name, count: node.vlans.length });
      case "vlan":
        return t("net.vlanLabel", { vlan: node.vlan, name: vlanName(doc, node.vlan), switch: node.switch, count: node.members });
      case "vm":
        return t("net.machineLabel", { name: node.machine.name, status: t(`status.${node.machine.status}`) });
      case "gateway":
        return t("net.gatewayLabel", { name: node.gateway.name, vlan: node.gateway.vlan, network: node.gateway.network });
      case "bridge":
        return t("net.bridgeLabel", { name: node.bridge.name, interface: node.bridge.interface, state: t(`bridge.state.${bridgeState(node.bridge, bridges)}`) });
      case "internet":
        return t("net.internet");
      case "shelf":
        return t("net.shelfLabel", { count: node.members });
    }
  }

  const isTarget = (id: string) => (node: SceneNode): boolean => node.id !== id && (node.kind === "vlan" || node.kind === "shelf" || node.kind === "gateway" || node.kind === "bridge" || node.kind === "switch" || node.kind === "internet");
  /** What would take a thing that is let go here. */
  const targetOf = (node: FlowNode, point: Point): SceneNode | null => {
    const { kind } = node.data.node;
    if (kind === "vm") return nodeAt(scene, point, isTarget(node.id));
    return kind === "gateway" || kind === "bridge" ? nodeAt(scene, point, (other) => other.kind === "vlan") : null;
  };
  const middle = (node: FlowNode): Point => {
    const parent = node.parentId === undefined ? null : absolute(scene, node.parentId);
    return { x: node.position.x + (parent?.x ?? 0) + (node.width ?? 0) / 2, y: node.position.y + (parent?.y ?? 0) + (node.height ?? 0) / 2 };
  };

  const onNodesChange = (changes: NodeChange<FlowNode>[]): void => {
    for (const change of changes) {
      if (change.type === "select" && change.selected) select(change.id);
      if (change.type !== "position" || change.position === undefined) continue;
      const { id, position, dragging } = change;
      if (dragging === true) {
        holding.current = { ...holding.current, [id]: position };
        setHeld(holding.current);
      } else if (holding.current[id] === undefined) moveByKey(id, position);
    }
  };
  /** Arrow keys; what sits in an area stays where the area puts it. */
  const moveByKey = (id: string, position: Point): void => {
    const node = scene.nodes.find((n) => n.id === id);
    if (node === undefined || node.parent !== null || (node.x === position.x && node.y === position.y)) return;
    edit(t("net.done.moved"), setPlaces(doc, { [id]: { x: Math.round(position.x), y: Math.round(position.y) } }));
  };
  const onDragStop = (_event: unknown, node: FlowNode): void => {
    const { [node.id]: position } = holding.current;
    holding.current = {};
    setHeld({});
    setOver(null);
    if (position === undefined) return;
    const target = targetOf({ ...node, position }, middle({ ...node, position }));
    const own = node.data.node;
    if (target !== null && target.id !== own.parent) {
      onDraw(endOf(node.id), endOf(target.id));
      return;
    }
    if (target === null && own.parent !== null) {
      onAnnounce(t("net.problem.dropOnVlan"));
      return;
    }
    if (own.parent === null) edit(t("net.done.moved"), setPlaces(doc, { [node.id]: { x: Math.round(position.x), y: Math.round(position.y) } }));
  };
  const onConnectEnd: OnConnectEnd = (event, state) => {
    if (state.fromNode === null) return;
    const from = endOf(state.fromNode.id, state.fromHandle?.id ?? null);
    if (state.toNode !== null && state.toHandle !== null) {
      onDraw(from, endOf(state.toNode.id, state.toHandle.id ?? null));
      return;
    }
    const { clientX, clientY } = "changedTouches" in event ? (event.changedTouches[0] ?? { clientX: 0, clientY: 0 }) : event;
    const target = nodeAt(scene, flow.screenToFlowPosition({ x: clientX, y: clientY }), (node) => node.kind !== "vm" || node.berth !== "area");
    if (target !== null && target.id !== state.fromNode.id) onDraw(from, endOf(target.id));
  };
  const menu = (what: string) => (event: ReactMouseEvent | MouseEvent) => {
    event.preventDefault();
    select(what);
    openMenu(what, event.clientX, event.clientY);
  };

  // Fitted when the page opens, and when things appear or go.
  const trunks = scene.lines.filter((line) => line.kind === "trunk");
  const shape = [...scene.nodes, ...trunks].map((thing) => thing.id).filter((id) => !id.startsWith("vm:")).join();
  useEffect(() => {
    let isWanted = true;
    const timer = setTimeout(() => void flow.fitView(FIT).then(() => isWanted && setFitted(shape)), 30);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [flow, shape]);

  return (
    <div className="rf-net-canvas" data-testid="net-canvas" data-fitted={fitted === shape}>
      <ReactFlow<FlowNode>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES as never}
        connectionMode={ConnectionMode.Loose}
        connectionRadius={18}
        onNodesChange={onNodesChange}
        onNodeClick={(_event, node) => select(node.id)}
        onEdgeClick={(_event, edge) => edge.selectable !== false && select(`link:${edge.id}`)}
        onEdgesChange={(changes) => {
          for (const change of changes) if (change.type === "select" && change.selected) select(`link:${change.id}`);
        }}
        onPaneClick={() => select(null)}
        onNodeDrag={(_event, node) => {
          const target = targetOf(node, middle(node));
          setOver(target === null || target.id === node.data.node.parent ? null : target.id);
        }}
        onNodeDragStop={onDragStop}
        isValidConnection={(connection: Connection | Edge) => connection.source !== connection.target}
        onConnectEnd={onConnectEnd}
        onNodeContextMenu={(event, node) => menu(node.id)(event)}
        onEdgeContextMenu={(event, edge) => edge.selectable !== false && menu(`link:${edge.id}`)(event)}
        autoPanSpeed={6}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        minZoom={0.2}
        maxZoom={2}
        fitView
        fitViewOptions={FIT}
        proOptions={{ hideAttribution: true }}
        aria-label={t("net.drawing")}
        ariaLabelConfig={{
          "node.a11yDescription.default": t("net.keys.node"),
          "node.a11yDescription.keyboardDisabled": t("net.keys.node"),
          "edge.a11yDescription.default": t("net.keys.link"),
          "node.a11yDescription.ariaLiveMessage": () => t("net.done.moved"),
        }}
      >
        <Background gap={22} size={1.2} color="var(--rf-net-dots)" />
      </ReactFlow>
      <div className="rf-net-zoom">
        <ZoomButton label={t("net.zoomIn")} onClick={() => void flow.zoomIn()}>
          <ZoomIn size={15} aria-hidden="true" />
        </ZoomButton>
        <ZoomButton label={t("net.zoomOut")} onClick={() => void flow.zoomOut()}>
          <ZoomOut size={15} aria-hidden="true" />
        </ZoomButton>
        <ZoomButton label={t("net.fit")} onClick={() => void flow.fitView(FIT)}>
          <Maximize size={15} aria-hidden="true" />
        </ZoomButton>
      </div>
    </div>
  );
}

function ZoomButton({ label, onClick, children }: { label: string; onClick: () => void; children: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
