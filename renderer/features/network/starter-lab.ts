// The lab that a newcomer is offered: three demo machines on two VLANs, so that isolation is seen within a minute. The same is in
// assets/labs for the command line, with addresses for its cards.
import { LabFile } from "../../../core/api/network.ts";

const demo = (name: string, vlan: number) => ({ name, append: `name=${name}`, memory: 32, nics: [{ switch: "s1", vlan }] });

export const STARTER_LAB: LabFile = LabFile.parse({
  name: "Three machines on two VLANs",
  machines: [demo("alice", 10), demo("bob", 10), demo("carol", 20)],
  switches: [{ name: "s1" }],
  gateways: [
    { name: "gw10", switch: "s1", vlan: 10, network: "10.0.10.0/24", nat: true },
    { name: "gw20", switch: "s1", vlan: 20, network: "10.0.20.0/24", nat: true },
  ],
  vlanNames: { 10: "Team", 20: "Guests" },
});
