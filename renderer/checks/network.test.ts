// Networks on the scripted bridge in a real browser: dragging, drawing, undo, the list by keyboard alone, captures, axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { LabFile } from "../../core/api/network.ts";
import { axeViolations } from "./axe.ts";
import type { Site } from "./fake-page.ts";
import { buildAndServe, skip, withPage } from "./fake-page.ts";

async function openNetworks(page: Page): Promise<void> {
  await page.locator("[data-page=networks]").click();
  await page.locator("[data-testid=net-canvas][data-fitted=true]").waitFor();
}

async function centre(of: Locator): Promise<{ x: number; y: number }> {
  const box = await of.boundingBox();
  assert.ok(box, `${of} is not drawn`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

async function drag(page: Page, from: Locator, to: Locator): Promise<void> {
  const [a, b] = [await centre(from), await centre(to)];
  await page.mouse.move(a.x, a.y);
  await page.mouse.down();
  await page.mouse.move(a.x + 8, a.y + 8, { steps: 3 });
  await page.mouse.move(b.x, b.y, { steps: 12 });
  await page.mouse.up();
}

const place = (page: Page, name: string, wanted: string) => page.locator(`[data-testid=card-${name}][data-place="${wanted}"]`).waitFor();

describe("networks", { skip, concurrency: false }, () => {
  let site: Site;
  before(async () => {
    site = await buildAndServe();
  });
  after(() => site?.close());

  test("the ready lab is one click away, and its machines run on two VLANs", () =>
    withPage(site, { scenario: "empty" }, async (page) => {
      await page.getByTestId("starter-lab").click();
      for (const [name, where] of [["alice", "s1/10"], ["bob", "s1/10"], ["carol", "s1/20"]] as const) await place(page, name, where);
      await page.locator("[data-testid=card-carol][data-status=running]").waitFor();
      await page.getByTestId("card-alice").getByText("10.0.10.15").waitFor();
      await page.getByTestId("card-carol").getByText("10.0.20.15").waitFor();
    }));

  test("a machine is dragged onto a VLAN, off the network and back by undo; an emptied VLAN stays", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      await drag(page, page.getByTestId("card-alice"), page.getByTestId("vlan-s1-20"));
      await place(page, "alice", "s1/20");
      await page.getByTestId("card-alice").getByText("10.0.20.").waitFor();
      await drag(page, page.getByTestId("card-bob"), page.getByTestId("shelf"));
      await place(page, "bob", "shelf");
      await page.getByTestId("vlan-s1-10").getByText("Drop a machine here").waitFor();
      await page.getByTestId("net-undo").click();
      await place(page, "bob", "s1/10");
      await page.keyboard.press("Control+z");
      await place(page, "alice", "s1/10");
      await page.keyboard.press("Control+Shift+z");
      await place(page, "alice", "s1/20");
      // A machine with several cards is not moved as a whole, and it is said why.
      await drag(page, page.getByTestId("card-monitor"), page.getByTestId("vlan-s2-20"));
      await page.getByText("monitor is on several networks").first().waitFor();
      await place(page, "monitor", "free");
    }));

  test("cables and trunks are drawn between sockets; what cannot be is explained", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      const socket = (thing: string, handle: string) => page.locator(`[data-testid=${thing}] [data-handle="${handle}"]`);
      await drag(page, socket("card-carol", "nic0"), page.getByTestId("vlan-s2-30"));
      await place(page, "carol", "s2/30");
      await drag(page, socket("switch-s2", "right"), page.getByTestId("switch-s1").locator("strong"));
      await page.getByTestId("trunk-dialog").getByText("Only these").click();
      await page.getByTestId("trunk-vlans").fill("20-22, x");
      assert.equal(await page.getByTestId("trunk-make").isDisabled(), true);
      await page.getByTestId("trunk-vlans").fill("20-22");
      await page.getByTestId("trunk-make").click();
      await page.locator(".react-flow__edge[data-id='trunk:trunk1']").waitFor({ state: "attached" });
      await page.getByText("blocked", { exact: false }).first().waitFor();
      await drag(page, socket("card-alice", "nic0"), socket("card-bob", "nic0"));
      await page.getByText("Two machines are joined by a switch").first().waitFor();
      await place(page, "alice", "s1/10");
      // A card on a switch as a whole: a trunk member.
      await drag(page, socket("card-alice", "nic0"), page.getByTestId("switch-s2").locator("strong"));
      await page.getByTestId("trunk-dialog").getByText("All VLANs, with tags").click();
      await page.getByTestId("trunk-make").click();
      await place(page, "alice", "free");
    }));

  test("a link is broken from its menu, by pointer and by keyboard", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      await page.locator(".react-flow__edge[data-id='trunk:uplink']").focus();
      await page.keyboard.press("Shift+F10");
      await page.getByTestId("net-menu").waitFor();
      await page.getByTestId("menu-fault-cut").focus();
      await page.keyboard.press("Enter");
      await page.locator(".react-flow__edge[data-id='trunk:uplink'] .rf-net-line[data-broken=true]").waitFor({ state: "attached" });
      await page.getByTestId("card-alice").click({ button: "right" });
      await page.getByTestId("menu-connect-s2-20").click();
      await place(page, "alice", "s2/20");
      await page.getByTestId("card-alice").click();
      await page.getByTestId("inspector").getByRole("button", { name: "Details" }).click();
      await page.getByTestId("fault-loss").fill("12.5");
      await page.keyboard.press("Enter");
      await page.getByTestId("card-alice").getByLabel("has faults").waitFor();
    }));

  test("all of it by keyboard: the list connects, names and removes", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      await page.getByTestId("net-view").getByText("List").click();
      await page.getByTestId("connect-alice-nic0").focus();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("option", { name: "s1, VLAN 20 · Guests" }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.getByTestId("connect-alice-nic0").and(page.locator('[value="s1, VLAN 20 · Guests"]')).waitFor();
      await page.getByRole("button", { name: "s1", exact: true }).focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("switch-name").fill("core");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "core", exact: true }).waitFor();
      await page.keyboard.press("Tab");
      await page.getByTestId("net-undo").click();
      await page.getByRole("button", { name: "s1", exact: true }).waitFor();
    }));

  test("a capture shows packets, finds, takes one apart and is saved", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      await page.locator(`.react-flow__edge[data-id$="001/nic0"]`).focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("capture-start").click();
      const packets = page.getByTestId("packets");
      await packets.getByText("Who has 10.0.10.16? Tell 10.0.10.15").first().waitFor();
      await packets.getByRole("option").first().click();
      await page.getByTestId("packet-details").getByText("Address Resolution Protocol").waitFor();
      await page.getByTestId("packet-details").getByRole("button", { name: "Sender MAC" }).click();
      assert.equal(await page.locator(".rf-hex [data-marked=true]").count(), 6);
      await page.getByTestId("capture-filter").fill("dns query");
      await packets.getByText("Query A bob.lab").first().waitFor();
      assert.equal(await packets.getByText("Who has").count(), 0);
      await page.getByTestId("capture-stop").click();
      await page.getByTestId("capture-save").click();
      await page.getByTestId("capture-path").getByText(".pcapng").waitFor();
    }));

  test("things are moved and removed by keyboard, and what was removed comes back", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      const node = page.locator(".react-flow__node[data-id='switch:s2']");
      const before = await node.evaluate((e) => e.style.transform);
      await node.focus();
      await page.keyboard.press("Enter");
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction((old) => document.querySelector<HTMLElement>(".react-flow__node[data-id='switch:s2']")?.style.transform !== old, before);
      await page.locator(".react-flow__node[data-id='gateway:office']").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("gateway-network").waitFor();
      await page.keyboard.press("Delete");
      await page.getByTestId("gateway-office").waitFor({ state: "detached" });
      await page.keyboard.press("Control+z");
      await page.getByTestId("gateway-office").waitFor();
    }));

  test("a bridge to the host's network is added, named, turned on by keyboard, and says what is wrong", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      await page.getByTestId("net-add").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("add-bridge").click();
      const state = (wanted: string) => page.locator(`[data-testid=bridge-state][data-state=${wanted}]`).waitFor();
      await state("off");
      await page.getByTestId("bridge-bridge1").getByText("Not connected").waitFor();
      await page.getByTestId("bridge-interface").fill("eth7");
      await page.keyboard.press("Enter");
      await page.getByTestId("bridge-enabled").focus();
      await page.keyboard.press("Space");
      await state("failed");
      await page.getByTestId("bridge-state").getByText("The host has no interface eth7.").waitFor();
      await page.getByTestId("bridge-state").getByText("type macvtap").waitFor();
      assert.deepEqual(await axeViolations(page), [], "a bridge that cannot connect");
      await page.getByTestId("bridge-interface").fill("../x");
      await page.keyboard.press("Enter");
      await page.getByText('"../x" cannot be the name of an interface').first().waitFor();
      await page.getByTestId("bridge-interface").fill("vmtap0");
      await page.keyboard.press("Enter");
      await state("connected");
      await page.getByTestId("net-view").locator("label").nth(1).click();
      await page.getByTestId("row-bridge-bridge1").getByText("vmtap0").waitFor();
    }));

  test("a lab from elsewhere has its bridges off", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      const lab = { machines: [{ name: "dave", nics: [{ switch: "x", vlan: 5 }] }], switches: [{ name: "x" }], bridges: [{ name: "out", switch: "x", vlan: 5, interface: "vmtap0" }] };
      await page.getByTestId("lab-file").setInputFiles({ name: "lab.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(lab)) });
      await page.getByText("It is off until you turn it on.").first().waitFor();
      await page.getByTestId("bridge-out").getByText("Not connected").waitFor();
    }));

  test("a lab is loaded from a file and saved as one, the drawing as a picture; what is no lab is refused", () =>
    withPage(site, { scenario: "lab" }, async (page) => {
      await openNetworks(page);
      const load = (text: string) => page.getByTestId("lab-file").setInputFiles({ name: "lab.json", mimeType: "application/json", buffer: Buffer.from(text) });
      await load(JSON.stringify({ machines: [{ name: "dave", nics: [{ switch: "x", vlan: 5 }] }], switches: [{ name: "x" }] }));
      await place(page, "dave", "x/5");
      await load('{"machines": 5}');
      await page.getByText("lab.json is not a lab file").waitFor();
      const saved = async (item: string): Promise<string> => {
        await page.getByTestId("net-file").click();
        const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId(item).click()]);
        return readFileSync(await download.path(), "utf8");
      };
      const lab = LabFile.parse(JSON.parse(await saved("net-export")));
      assert.ok(lab.machines.some((machine) => machine.name === "dave"));
      assert.match(await saved("net-picture"), /^<svg .*>dave<.*<\/svg>\n$/s);
    }));

  test("machine settings have the cards, and a new machine gets a network of its own where there is none", () =>
    withPage(site, {}, async (page) => {
      await page.getByRole("tab", { name: "Hardware" }).click();
      await page.getByTestId("nic-nic0").waitFor();
      await page.getByTestId("add-nic").click();
      await page.getByTestId("nic-nic1").waitFor();
      await page.getByTestId("pending-nics").waitFor();
    }));

  test("the wizard makes a network for the first machine", () =>
    withPage(site, { scenario: "empty" }, async (page) => {
      await page.getByTestId("new-machine").click();
      await page.getByTestId("wizard-next").click();
      assert.equal(await page.getByTestId("create-network").inputValue(), "NAT, made for you");
      await page.getByTestId("wizard-next").click();
      await page.getByTestId("wizard-next").click();
      await page.locator("[data-testid=details] [data-status=running]").first().waitFor();
      await openNetworks(page);
      await page.locator('[data-testid="card-Demo guest"][data-place="lan/1"]').waitFor();
    }));

  for (const [language, dark] of [["en-US", false], ["ko-KR", true]] as const) {
    test(`axe finds nothing in ${language}, ${dark ? "dark" : "light"}`, () =>
      withPage(site, { scenario: "lab", language, dark }, async (page) => {
        const clean = async (where: string) => assert.deepEqual(await axeViolations(page), [], where);
        await openNetworks(page);
        await clean("the drawing");
        for (const thing of ["switch-s1", "vlan-s1-10", "gateway-office", "card-monitor"]) {
          await page.getByTestId(thing).locator("strong").first().click();
          await page.getByTestId("net-menu-button").waitFor();
          await clean(thing);
        }
        await page.locator(".react-flow__edge[data-id='trunk:uplink']").focus();
        await page.keyboard.press("Enter");
        await page.getByTestId("trunk-allowed").waitFor();
        await clean("a trunk");
        await page.locator(".react-flow__edge[data-id$='001/nic0']").focus();
        await page.keyboard.press("Enter");
        await page.getByTestId("capture-start").click();
        await page.getByTestId("packets").getByRole("option").first().click();
        await page.getByTestId("packet-details").waitFor();
        await clean("a card and a capture");
        await page.getByTestId("net-menu-button").click();
        await page.getByTestId("net-menu").waitFor();
        await clean("a menu");
        await page.keyboard.press("Escape");
        await page.getByTestId("net-view").locator("label").nth(1).click();
        await page.getByTestId("net-list").waitFor();
        await clean("the list");
      }));
  }
});
