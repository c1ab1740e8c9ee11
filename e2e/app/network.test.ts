// A newcomer and the network, in a real browser on the real headless host with demo guests: the ready lab, a machine dragged to
// another VLAN while it runs, a trunk drawn between two switches, a link that is cut and mended, packets watched as they pass.
// What the drawing says is held against what the guests can reach. Pictures of each step go to test-results/.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { axeViolations } from "../../renderer/checks/axe.ts";
import { ask, drag, dragOntoVlan, isAt, isDrawn, showDrawing } from "./network-drawing.ts";
import { noBrowser, withApp } from "./running-app.ts";

describe("network journey", { skip: noBrowser, concurrency: false }, () => {
  test("a newcomer starts the lab, drags a machine to another VLAN, draws a trunk, breaks a link and watches packets", { timeout: 600_000 }, () =>
    withApp("network", async ({ page, picture }) => {
      await page.getByTestId("starter-lab").waitFor();
      await picture("first-start");
      await page.getByTestId("starter-lab").click();
      await isAt(page, "alice", "s1/10", "10.0.10");
      await isAt(page, "bob", "s1/10", "10.0.10");
      const carol = await isAt(page, "carol", "s1/20", "10.0.20");
      await isDrawn(page);
      await picture("lab");
      assert.deepEqual(await axeViolations(page), [], "axe finds faults on the drawing");

      await ask(page, "alice", "ping bob 3 10", /3 sent, 3 received, 0% loss/);
      await ask(page, "alice", `ping ${carol} 2 10`, /2 sent, 0 received, 100% loss/);
      await picture("isolated");

      await showDrawing(page);
      await dragOntoVlan(page, "alice", "s1-20");
      await isAt(page, "alice", "s1/20", "10.0.20");
      await picture("dragged");
      // A moved card is without carrier for a moment, and a trunk waits for the spanning tree: some answers are enough.
      await ask(page, "alice", `ping ${carol} 20 100`, /20 sent, [1-9]\d* received/);

      await showDrawing(page);
      await page.getByTestId("net-add").click();
      await page.getByTestId("add-switch").click();
      await page.getByTestId("switch-s2").waitFor();
      await isDrawn(page);
      for (const vlan of [10, 20]) {
        await page.getByTestId("add-vlan-s2").click();
        await page.getByTestId(`vlan-s2-${vlan}`).waitFor();
        await isDrawn(page);
      }
      await page.getByRole("button", { name: "Close this panel" }).click();
      const socket = (name: string, handle: string) => page.locator(`[data-testid=switch-${name}] [data-handle="${handle}"]`);
      await drag(page, socket("s1", "right"), socket("s2", "left"));
      await page.getByTestId("trunk-make").waitFor();
      await picture("trunk-dialog");
      await page.getByTestId("trunk-make").click();
      const trunk = page.locator(".react-flow__edge[data-id='trunk:trunk1']");
      await trunk.waitFor({ state: "attached" });
      await isDrawn(page);
      await dragOntoVlan(page, "carol", "s2-20");
      const moved = await isAt(page, "carol", "s2/20", "10.0.20");
      await picture("trunk");
      await ask(page, "alice", `ping ${moved} 30 100`, /30 sent, [1-9]\d* received/);

      await showDrawing(page);
      await trunk.focus();
      await page.keyboard.press("Shift+F10");
      await page.getByTestId("menu-fault-cut").waitFor();
      await picture("link-menu");
      await page.getByTestId("menu-fault-cut").click();
      await trunk.locator(".rf-net-line[data-broken=true]").waitFor({ state: "attached" });
      await picture("cut");
      await ask(page, "alice", `ping ${moved} 4 10`, /4 sent, 0 received, 100% loss/);
      await showDrawing(page);
      await page.keyboard.press("Control+z");
      await trunk.locator(".rf-net-line[data-broken=false]").waitFor({ state: "attached" });

      await page.getByTestId("card-alice").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Capture on nic0" }).click();
      await page.getByTestId("capture").waitFor();
      await ask(page, "alice", `ping ${moved} 40 100`, /40 sent, [1-9]\d* received/);
      await showDrawing(page);
      const packets = page.getByTestId("packets");
      await page.getByTestId("capture-filter").fill("icmp");
      await packets.getByRole("option").first().click();
      await page.getByTestId("packet-details").waitFor();
      await picture("capture");
      await page.getByTestId("capture-save").click();
      const path = ((await page.getByTestId("capture-path").locator(".rf-mono").textContent()) ?? "").trim();
      assert.equal(readFileSync(path).readUInt32LE(0), 0x0a0d0d0a, "a pcapng file begins with a section header");
    }));
});
