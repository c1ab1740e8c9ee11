// The virtual network as the user draws and saves it: network cards and what they are joined to, switches, trunks, gateways, firewall
// rules, and a lab file that holds machines with all of it. Terms: IEEE 802.1Q for VLANs, access and trunk ports.
import { z } from "zod";

export const NICS_MAX = 8;

/** Of a switch, a gateway, a machine in a lab: what messages, captures and DNS call it. */
export const NetName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$/, "A name has up to 31 letters, digits, dots, dashes and underscores, and begins with a letter or digit");

export const Vlan = z.int().min(1).max(4094);

/** Six octets in hexadecimal, of a station: the first octet is even. */
export const MacText = z.string().regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, 'A station\'s address is written as "52:54:00:12:34:56"');

export const PortVlans = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("access"), vlan: Vlan }),
  /** `native` is the VLAN of frames without a tag; without one they are dropped. */
  z.strictObject({ mode: z.literal("trunk"), allowed: z.union([z.array(Vlan).max(4094), z.literal("all")]), native: Vlan.optional() }),
]);
export type PortVlans = z.infer<typeof PortVlans>;

const Share = z.number().min(0).max(1);

/** What goes wrong on a link, in both directions. Absent: nothing. */
export const LinkFaults = z.strictObject({
  loss: Share.optional(),
  duplication: Share.optional(),
  reordering: Share.optional(),
  delayMs: z.number().min(0).max(3_600_000).optional(),
  jitterMs: z.number().min(0).max(3_600_000).optional(),
  bitsPerSecond: z.number().min(1).max(1e12).optional(),
  cut: z.boolean().optional(),
  /** Chance is drawn from this: the same seed, the same faults. */
  seed: z.int().min(0).max(0xffff_ffff).optional(),
});
export type LinkFaults = z.infer<typeof LinkFaults>;

/** Limits of a switch's port towards what is plugged into it. */
export const PortGuards = z.strictObject({
  /** Reaches only ports that are not isolated. */
  isolated: z.boolean().optional(),
  /** Frames from another address than the card's are dropped as forged. */
  antiSpoofing: z.boolean().optional(),
  blockedMacs: z.array(MacText).max(256).optional(),
  stormFramesPerSecond: z.number().min(1).max(1e9).optional(),
  rateBitsPerSecond: z.number().min(1).max(1e12).optional(),
});
export type PortGuards = z.infer<typeof PortGuards>;

export const NicConnection = z.strictObject({ switch: NetName, vlans: PortVlans });
export type NicConnection = z.infer<typeof NicConnection>;

export const NIC_MODELS = ["virtio", "e1000", "ne2000"] as const;

/** A network card of a machine. `connection`, `cable`, `faults` and `guards` take effect in a running machine at once. */
export const Nic = z.strictObject({
  /** Unique in its machine and stable. */
  id: z.string().regex(/^nic[0-7]$/),
  model: z.enum(NIC_MODELS).default("virtio"),
  mac: MacText,
  /** Null: the cable leads nowhere. */
  connection: NicConnection.nullable(),
  /** Whether the cable is plugged in. */
  cable: z.boolean().default(true),
  faults: LinkFaults.optional(),
  guards: PortGuards.optional(),
  /** Expansion ROM of the card, absolute or relative to the VM's folder: a boot ROM such as iPXE's. */
  rom: z.string().min(1).max(4096).optional(),
});
export type Nic = z.infer<typeof Nic>;

export const SwitchConfig = z.strictObject({ name: NetName });
export type SwitchConfig = z.infer<typeof SwitchConfig>;

/** Joins two switches. There is no native VLAN: every frame on it has a tag. */
export const TrunkConfig = z.strictObject({
  name: NetName,
  ends: z.tuple([NetName, NetName]),
  allowed: z.union([z.array(Vlan).max(4094), z.literal("all")]).default("all"),
  pathCost: z.number().min(1).max(200_000_000).optional(),
  cable: z.boolean().default(true),
  faults: LinkFaults.optional(),
});
export type TrunkConfig = z.infer<typeof TrunkConfig>;

const Port = z.int().min(1).max(65535);
const Protocol = z.enum(["tcp", "udp"]);
/** Of IPv4 or IPv6, as text; whether it is one is checked where it is used. */
const IpText = z.string().min(2).max(45);
/** "10.0.10.0/24" */
export const NetworkText = z.string().regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'A network is written as "10.0.10.0/24"');
/** "fd00:10::/64" */
export const Network6Text = z.string().regex(/^[0-9a-f:]{2,39}\/64$/i, 'An IPv6 network is written as "fd00:10::/64"');

/** A port of the host that leads to one of a guest. */
export const PortForward = z.strictObject({
  protocol: Protocol.default("tcp"),
  /** Where the host listens: 127.0.0.1 unless asked for more. */
  hostAddress: IpText.default("127.0.0.1"),
  hostPort: Port,
  /** An address, or the name of a machine as DNS has it. */
  guest: z.string().min(1).max(80),
  guestPort: Port,
});
export type PortForward = z.infer<typeof PortForward>;

/** A service of the host that guests may reach at a port of the gateway's address. */
export const HostService = z.strictObject({ protocol: Protocol.default("tcp"), port: Port, hostAddress: IpText.default("127.0.0.1"), hostPort: Port });
export type HostService = z.infer<typeof HostService>;

/** The router of one VLAN, with DHCP, DNS and TFTP. It has the first address of its network. */
export const GatewayConfig = z.strictObject({
  name: NetName,
  switch: NetName,
  vlan: Vlan,
  network: NetworkText,
  network6: Network6Text.optional(),
  /** Whether guests reach the outside. */
  nat: z.boolean().default(false),
  forwards: z.array(PortForward).max(256).default([]),
  hostServices: z.array(HostService).max(64).default([]),
  reservations: z.array(z.strictObject({ mac: MacText, address: IpText, name: NetName.optional() })).max(1024).default([]),
  domain: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i).default("lab"),
  /** Served read-only by TFTP: a folder on the host. */
  tftpFolder: z.string().min(1).max(4096).optional(),
  /** Name in that folder of what DHCP tells a PXE client to boot. */
  bootFile: z.string().min(1).max(127).optional(),
  /** Of its cable. */
  faults: LinkFaults.optional(),
});
export type GatewayConfig = z.infer<typeof GatewayConfig>;

/** Lets what begins in one gateway's network reach another's. Without a rule nothing is routed between networks. */
/** Of an interface of the host, and never a path. Linux: up to 15 characters. */
export const InterfaceName = z.string().regex(/^(?!\.\.?$)[A-Za-z0-9_.-]{1,15}$/, "An interface of the host has a name of up to 15 letters, digits, dots, dashes and underscores");

/** Joins a switch to the host's own network, through an interface of the host that an administrator has made for this. */
export const BridgeConfig = z.strictObject({
  name: NetName,
  switch: NetName,
  vlans: PortVlans,
  interface: InterfaceName,
  /** Whether the user wants it: a lab from elsewhere never says so. */
  enabled: z.boolean().default(false),
  /** Of its cable. */
  faults: LinkFaults.optional(),
});
export type BridgeConfig = z.infer<typeof BridgeConfig>;

export const FirewallRule = z.strictObject({
  from: NetName,
  to: NetName,
  protocol: z.enum(["any", "icmp", "tcp", "udp"]).default("any"),
  /** Destination port; absent: all. */
  port: Port.optional(),
});
export type FirewallRule = z.infer<typeof FirewallRule>;

const Place = z.strictObject({ x: z.number(), y: z.number() });

/** Everything of the network but the machines, which say themselves where their cards are: `networks.json` in the library. */
export const Topology = z.strictObject({
  version: z.literal(1),
  switches: z.array(SwitchConfig).max(64).default([]),
  trunks: z.array(TrunkConfig).max(256).default([]),
  gateways: z.array(GatewayConfig).max(64).default([]),
  bridges: z.array(BridgeConfig).max(16).default([]),
  rules: z.array(FirewallRule).max(256).default([]),
  /** Names of VLANs, by number. */
  vlanNames: z.record(z.string().regex(/^\d{1,4}$/), z.string().max(40)).default({}),
  /** Where things are drawn, by "switch:NAME", "gateway:NAME", "vm:ID", "internet", "shelf". "vlan:SWITCH/NUMBER" keeps a VLAN drawn that nothing is on. */
  places: z.record(z.string().max(120), Place).default({}),
});
export type Topology = z.infer<typeof Topology>;
export const EMPTY_TOPOLOGY: Topology = { version: 1, switches: [], trunks: [], gateways: [], bridges: [], rules: [], vlanNames: {}, places: {} };

// ---- what runs ---------------------------------------------------------------------------------

/** A link: "VM-ID/nic0" of a card, "trunk:NAME" of a trunk, "gateway:NAME" of a gateway, "bridge:NAME" of a bridge. */
export const LinkId = z.string().min(1).max(240);
export type LinkId = z.infer<typeof LinkId>;

export const LinkStats = z.object({
  link: LinkId,
  up: z.boolean(),
  /** A trunk whose end the spanning tree has blocked, so that there is no loop. */
  blocked: z.boolean(),
  /** Since the link came up; "received" is what the switch had from the machine, gateway or first end of a trunk. */
  receivedFrames: z.number(),
  receivedBytes: z.number(),
  sentFrames: z.number(),
  sentBytes: z.number(),
  /** Frames dropped, by reason (see PORT_COUNTERS); reasons without any are absent. */
  drops: z.record(z.string(), z.number()),
});
export type LinkStats = z.infer<typeof LinkStats>;

export const LeaseInfo = z.object({ gateway: NetName, mac: z.string(), address: z.string(), name: z.string() });
export type LeaseInfo = z.infer<typeof LeaseInfo>;

/** Something worth telling about the network: an exhausted pool, a forward that could not be opened. */
export const NetworkEvent = z.object({ timeMs: z.number(), level: z.enum(["info", "warning", "error"]), subject: z.string(), message: z.string() });
export type NetworkEvent = z.infer<typeof NetworkEvent>;

/** Why a bridge does not join the host's network. */
export const BRIDGE_FAULTS = [
  /** The host has no macvtap: it is not Linux. */
  "unsupported",
  /** There is no such interface, it is none that can be opened, or it is down. */
  "missing", "notMacvtap", "down",
  /** Its device is not under /dev, is another one's, may not be opened by this user, or is held by another program. */
  "noDevice", "foreignDevice", "forbidden", "busy",
  /** The program at the device could not be run for want of Node, or has ended. */
  "noNode", "lost",
] as const;
export type BridgeFault = (typeof BRIDGE_FAULTS)[number];

export const BridgeInfo = z.object({
  bridge: NetName,
  interface: z.string(),
  /** "ready": nothing runs that would join it, and it could be joined. */
  state: z.enum(["off", "ready", "connecting", "connected", "failed"]),
  fault: z.enum(BRIDGE_FAULTS).nullable(),
  /** What is wrong, with the interface, as a sentence; and what an administrator does about it, as commands. */
  message: z.string(),
  remedy: z.array(z.string()),
});
export type BridgeInfo = z.infer<typeof BridgeInfo>;

export const NetworkStats = z.object({
  links: z.array(LinkStats), leases: z.array(LeaseInfo), bridges: z.array(BridgeInfo), events: z.array(NetworkEvent),
});
export type NetworkStats = z.infer<typeof NetworkStats>;

/** A row of a live capture. */
export const PacketRow = z.object({
  number: z.int(),
  /** Seconds since the capture began. */
  time: z.number(),
  /** As seen from the machine or gateway, or from the first end of a trunk. */
  direction: z.enum(["in", "out"]),
  vlan: z.int().nullable(),
  source: z.string(),
  destination: z.string(),
  protocol: z.string(),
  length: z.int(),
  info: z.string(),
});
export type PacketRow = z.infer<typeof PacketRow>;

/** A decoded packet: headers in order with their fields, and its bytes. */
export const PacketDetails = z.object({
  number: z.int(),
  layers: z.array(z.object({ name: z.string(), fields: z.array(z.object({ name: z.string(), value: z.string(), offset: z.int(), length: z.int() })) })),
  /** Hexadecimal, as captured. */
  bytes: z.string(),
});
export type PacketDetails = z.infer<typeof PacketDetails>;

export const CaptureInfo = z.object({
  id: z.string(),
  link: LinkId,
  packets: z.int(),
  bytes: z.number(),
  /** The pcapng file it is written to, if one is. */
  path: z.string().nullable(),
  isRunning: z.boolean(),
});
export type CaptureInfo = z.infer<typeof CaptureInfo>;

// ---- labs --------------------------------------------------------------------------------------

/** A card of a lab's machine: on an access port of a VLAN, or on a trunk. */
export const LabNic = z.union([
  z.strictObject({
    switch: NetName, vlan: Vlan, model: z.enum(NIC_MODELS).optional(), mac: MacText.optional(), faults: LinkFaults.optional(), guards: PortGuards.optional(),
    rom: z.string().optional(),
  }),
  z.strictObject({
    switch: NetName, trunk: z.union([z.array(Vlan).max(4094), z.literal("all")]), native: Vlan.optional(), model: z.enum(NIC_MODELS).optional(),
    mac: MacText.optional(), faults: LinkFaults.optional(), guards: PortGuards.optional(), rom: z.string().optional(),
  }),
]);
export type LabNic = z.infer<typeof LabNic>;

/** A machine of a lab: a kernel, the demo guest (neither kernel nor drives), drives to boot from, or `vm`, a machine of the library by name. */
export const LabMachine = z.strictObject({
  name: NetName,
  vm: z.string().min(1).max(80).optional(),
  /** Paths are relative to the lab file. */
  kernel: z.string().min(1).max(4096).optional(),
  initrd: z.string().min(1).max(4096).optional(),
  append: z.string().max(4095).optional(),
  modules: z.array(z.string().max(8192)).max(64).optional(),
  disk: z.string().min(1).max(4096).optional(),
  cdrom: z.string().min(1).max(4096).optional(),
  boot: z.array(z.enum(["floppy", "cd", "disk", "network"])).max(4).optional(),
  memory: z.int().min(4).max(3584).default(256),
  nics: z.array(LabNic).max(NICS_MAX).default([]),
});
export type LabMachine = z.infer<typeof LabMachine>;

/** A way out to the host's own network: on an access port of a VLAN, or on a trunk. Who runs the lab decides whether it is joined. */
export const LabBridge = z.union([
  z.strictObject({ name: NetName.optional(), switch: NetName, vlan: Vlan, interface: InterfaceName, faults: LinkFaults.optional() }),
  z.strictObject({
    name: NetName.optional(), switch: NetName, trunk: z.union([z.array(Vlan).max(4094), z.literal("all")]), native: Vlan.optional(), interface: InterfaceName,
    faults: LinkFaults.optional(),
  }),
]);
export type LabBridge = z.infer<typeof LabBridge>;

/** A lab: machines and the network between them, as one file. `trunks` are pairs of switches, or trunks in full. */
export const LabFile = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().max(80).optional(),
  machines: z.array(LabMachine).max(64).default([]),
  switches: z.array(SwitchConfig).max(64).default([]),
  trunks: z.array(z.union([z.tuple([NetName, NetName]), TrunkConfig])).max(256).default([]),
  /** A gateway without a name is called after its switch and VLAN. */
  gateways: z.array(GatewayConfig.extend({ name: NetName.optional() })).max(64).default([]),
  /** A bridge without a name is called after its interface. */
  bridges: z.array(LabBridge).max(16).default([]),
  rules: z.array(FirewallRule).max(256).default([]),
  vlanNames: Topology.shape.vlanNames,
  places: Topology.shape.places,
});
export type LabFile = z.infer<typeof LabFile>;
