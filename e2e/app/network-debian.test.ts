// Isolation as a user makes it, with Debian's own programs: two Debian guests on one VLAN and a demo guest on another, from a lab file.
// Within a VLAN DHCP, ping, iperf3 and curl of an nginx work; nothing passes across, not even a broadcast, by captures at every port of the
// switch. Then a guest is dragged onto the other VLAN by mouse while all run, and the reverse holds. Pictures go to test-results/.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { programsOrReason } from "../fixtures/debian-programs.ts";
import { type Heard, heardAt } from "../fixtures/heard-frames.ts";
import { labFile, missingNetworkGuest, networkGuest } from "../fixtures/network-guest.ts";
import { serialShows, serialText, typeOnSerial } from "./console-text.ts";
import { ask, choose, dragOntoVlan, isAt, isDrawn, showDrawing, showSerial } from "./network-drawing.ts";
import { noBrowser, type RunningApp, withApp } from "./running-app.ts";

const MACS = { server: "52:54:00:00:10:01", client: "52:54:00:00:10:02", demo: "52:54:00:00:20:01" };
/** Nobody has these: who hears that they are asked for is in one broadcast domain with who asks. */
const ASKED = { byClient: "10.0.10.201", byMovedClient: "10.0.10.202", byServer: "10.0.10.203" };
const GATEWAYS = ["gw10", "gw20"] as const;
const PORTS = ["server", "client", "demo", ...GATEWAYS] as const;
type Port = (typeof PORTS)[number];
/** On a host that is busy elsewhere. */
const PATIENCE_MS = 600_000;

const SERVER = `
lease eth0
mkdir -p /tmp/www /run /var/lib/nginx /var/log/nginx
echo "of nginx" > /tmp/www/index.html
echo "user root; events {} http { access_log off; server { listen 80; root /tmp/www; } }" > /tmp/nginx.conf
nginx -c /tmp/nginx.conf || echo "@@FAILED nginx"
iperf3 -s -D || echo "@@FAILED iperf3"
echo @@SERVING
read client
asks ${ASKED.byServer}
ping -c 3 -w 5 $client >/dev/null && echo "@@LEAK client, after the move"
echo @@ALONE
read line
`;
/** Whoever manages a card asks for an address anew when its cable has been put into another socket; so does this guest. */
const CLIENT = `
lease eth0
read demo
asks ${ASKED.byClient}
patiently ping -c 3 -w 5 server && echo "@@PING"
patiently curl -sSf -o /tmp/page http://server/ && echo "@@PAGE $(cat /tmp/page)"
patiently iperf3 -c server -n 1M && echo "@@IPERF there"
patiently iperf3 -c server -n 1M -R && echo "@@IPERF back"
for each in 10.0.20.1 $demo; do ping -c 2 -w 3 $each >/dev/null && echo "@@LEAK ping $each"; done
curl -sS -m 3 http://$demo/ >/dev/null 2>&1 && echo "@@LEAK curl"
card=/sys/class/net/eth0
before=$(cat $card/carrier_down_count)
echo @@APART
while [ $(cat $card/carrier_down_count) = $before ]; do sleep 1; done
until [ $(cat $card/carrier) = 1 ]; do sleep 1; done
asks ${ASKED.byMovedClient}
ping -c 2 -w 4 10.0.10.2 >/dev/null && echo "@@LEAK server, after the move"
lease eth0
patiently curl -sSf -o /tmp/page http://demo/ && grep -o "<h1>.*</h1>" /tmp/page
echo @@MOVED
read line
`;

async function captureEverywhere(page: RunningApp["page"]): Promise<void> {
  for (const port of PORTS) {
    const isGateway = port.startsWith("gw");
    await choose(page, page.getByTestId(isGateway ? `gateway-${port}` : `card-${port}`), isGateway ? "Capture packets" : "Capture on nic0");
    await page.getByTestId("capture").and(page.locator(`[aria-label*="${port}"]`)).waitFor();
    await isDrawn(page);
  }
}

/** Saves what has been captured so far at each port, and says who was heard there. */
async function heardSoFar({ page, libraryPath }: RunningApp, saved: { count: number }): Promise<Record<Port, Heard>> {
  const paths: Partial<Record<Port, string>> = {};
  for (const port of PORTS) {
    await page.getByTestId("capture").getByRole("combobox", { name: "Capture" }).click();
    await page.getByRole("option", { name: new RegExp(`\\b${port}\\b`) }).click();
    await page.getByTestId("capture").and(page.locator(`[aria-label*="${port}"]`)).waitFor();
    await page.getByTestId("capture-save").click();
    const path = join(libraryPath, ".media", ++saved.count === 1 ? "capture.pcapng" : `capture-${saved.count}.pcapng`);
    await page.getByText(path).first().waitFor();
    paths[port] = path;
  }
  return heardAt(paths as Record<Port, string>, MACS);
}

const portsThatHeard = (heard: Record<Port, Heard>, address: string) => PORTS.filter((port) => heard[port].asked.has(address));

const programs = programsOrReason(["iperf3", "nginx-light", "curl", "dropbear-bin"]);
const missing = noBrowser || (missingNetworkGuest() ?? (typeof programs === "string" && programs));

test("Debian guests within a VLAN, nothing across, and the reverse after a drag in the running network", { skip: missing, timeout: 1_500_000 }, () =>
  withApp("network-debian", async (app) => {
    if (typeof programs === "string") return;
    const { page, picture } = app;
    const network = (vlan: number, more: object = {}) => ({ name: `gw${vlan}`, switch: "s1", vlan, network: `10.0.${vlan}.0/24`, ...more });
    const account = { name: "etc/passwd", mode: 0o100644, data: Buffer.from("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n") };
    const group = { name: "etc/group", mode: 0o100644, data: Buffer.from("root:x:0:\nnogroup:x:65534:\n") };
    const file = labFile({
      machines: [
        networkGuest("server", [{ switch: "s1", vlan: 10, mac: MACS.server }], SERVER, ["virtio"], [account, group, ...programs.entries(["nginx", "iperf3"])]),
        networkGuest("client", [{ switch: "s1", vlan: 10, mac: MACS.client }], CLIENT, ["virtio"], programs.entries(["curl", "iperf3"])),
        { name: "demo", append: "name=demo", memory: 32, nics: [{ switch: "s1", vlan: 20, mac: MACS.demo }] },
      ],
      switches: [{ name: "s1" }],
      gateways: [network(10, { reservations: [{ mac: MACS.server, address: "10.0.10.2", name: "server" }] }), network(20)],
    });
    await page.locator("[data-page=networks]").click();
    await page.getByTestId("lab-file").setInputFiles(file);
    await isDrawn(page);
    await captureEverywhere(page);
    for (const name of ["server", "client", "demo"]) await choose(page, page.getByTestId(`card-${name}`), "Start");
    const demo = await isAt(page, "demo", "s1/20", "10.0.20", PATIENCE_MS);
    const client = await isAt(page, "client", "s1/10", "10.0.10", PATIENCE_MS);
    assert.equal(await isAt(page, "server", "s1/10", "10.0.10", PATIENCE_MS), "10.0.10.2");
    await picture("runs");

    await showSerial(page, "server");
    await serialShows(page, /@@SERVING/, PATIENCE_MS);
    await showSerial(page, "client");
    await serialShows(page, /@@LEASE/);
    await typeOnSerial(page, `${demo}\r`);
    await ask(page, "demo", "flood broadcast 200", /frames/);
    await ask(page, "demo", "ping 10.0.10.2 2 10", /2 sent, 0 received, 100% loss/);
    await showSerial(page, "client");
    await serialShows(page, /@@APART/, PATIENCE_MS);
    const within = await serialText(page);
    for (const mark of [/@@LEASE eth0 10\.0\.10\.\d+ /, /@@PING/, /@@PAGE of nginx/, /@@IPERF there/, /@@IPERF back/]) assert.match(within, mark);
    assert.doesNotMatch(within, /@@(LEAK|FAILED)/);
    await picture("within");

    await showDrawing(page);
    const saved = { count: 0 };
    const before = await heardSoFar(app, saved);
    for (const port of ["server", "client", "gw10"] as const) assert.deepEqual(before[port].from, ["client", "gw10", "server"], `at ${port}`);
    for (const port of ["demo", "gw20"] as const) assert.deepEqual(before[port].from, ["demo", "gw20"], `at ${port}`);

    await dragOntoVlan(page, "client", "s1-20");
    const moved = await isAt(page, "client", "s1/20", "10.0.20", PATIENCE_MS);
    await picture("dragged");
    await showSerial(page, "server");
    await serialShows(page, /@@SERVING/);
    await typeOnSerial(page, `${client}\r`);
    await showSerial(page, "client");
    await serialShows(page, /@@MOVED/, PATIENCE_MS);
    const across = await serialText(page);
    assert.match(across, /@@LEASE eth0 10\.0\.20\.\d+ [\s\S]*<h1>demo<\/h1>/);
    assert.doesNotMatch(across, /@@(LEAK|FAILED)/);
    await picture("moved");
    await ask(page, "demo", `ping ${moved} 20 100`, /20 sent, [1-9]\d* received/);
    await showSerial(page, "server");
    await serialShows(page, /@@ALONE/, PATIENCE_MS);
    assert.doesNotMatch(await serialText(page), /@@(LEAK|FAILED)/);

    await showDrawing(page);
    const after = await heardSoFar(app, saved);
    for (const port of ["server", "gw10"] as const) assert.deepEqual(after[port].from, ["client", "gw10", "server"], `at ${port}`);
    for (const port of ["demo", "gw20"] as const) assert.deepEqual(after[port].from, ["client", "demo", "gw20"], `at ${port}`);
    assert.deepEqual(after.client.from, ["client", "demo", "gw10", "gw20", "server"], "the client has been in both");
    assert.deepEqual(portsThatHeard(after, ASKED.byClient), ["server", "client", "gw10"]);
    assert.deepEqual(portsThatHeard(after, ASKED.byServer), ["server", "gw10"]);
    assert.deepEqual(portsThatHeard(after, ASKED.byMovedClient), ["client", "demo", "gw20"]);
    await picture("captured");
  }));
