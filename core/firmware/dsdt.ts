// The DSDT: what is on the board and cannot be found by looking (ACPI 6.4, chapter 5): the PCI root with its windows and interrupt
// routing through the PIIX3's PIRQ links, the ISA devices, the HPET, and how to power off.
import * as aml from "./aml.ts";
import type { AcpiBoard } from "./acpi.ts";
import { joinBytes } from "./byte-view.ts";

const PIRQ_CHOICES = [5, 10, 11];
const LINKS = ["LNKA", "LNKB", "LNKC", "LNKD"];
const ROUTE_OFF = 0x80;

export function dsdtCode(board: AcpiBoard): Uint8Array {
  return joinBytes([
    aml.scope(
      "\\_SB",
      pciRoot(board),
      ...LINKS.map((link, pirq) => linkDevice(link, pirq)),
      ...(board.hpetBase === undefined ? [] : [hpet(board.hpetBase)]),
      ...board.apicIds.map((_, i) => processor(i)),
      aml.device(
        "MRES",
        aml.name("_HID", aml.eisaId("PNP0C02")),
        aml.name("_CRS", aml.resources(aml.ioPorts(board.pmBase, 0x40), aml.ioPorts(0x4d0, 2), aml.ioPorts(0x92, 1))),
      ),
    ),
    // PM1 control's SLP_TYP by sleep state.
    ...(board.s1SleepType === undefined ? [] : [aml.name("\\_S1", aml.pack(board.s1SleepType, board.s1SleepType, 0, 0))]),
    aml.name("\\_S5", aml.pack(board.s5SleepType, board.s5SleepType, 0, 0)),
  ]);
}

function processor(number: number): aml.Aml {
  const id = number.toString(16).toUpperCase().padStart(3, "0");
  return aml.device(`C${id}`, aml.name("_HID", aml.text("ACPI0007")), aml.name("_UID", number));
}

function hpet(base: number): aml.Aml {
  return aml.device("HPET", aml.name("_HID", aml.eisaId("PNP0103")), aml.name("_CRS", aml.resources(aml.fixedMemory(base, 0x400))));
}

function pciRoot(board: AcpiBoard): aml.Aml {
  return aml.device(
    "PCI0",
    aml.name("_HID", aml.eisaId("PNP0A03")),
    aml.name("_BBN", 0),
    aml.name("_UID", 0),
    aml.name(
      "_CRS",
      aml.resources(
        aml.busRange(0, 0xff),
        aml.ioPorts(0xcf8, 8),
        aml.portRange(0x0000, 0x0cf7),
        aml.portRange(0x0d00, 0xffff),
        aml.memoryRange(0xa0000, 0xbffff),
        aml.memoryRange(board.pciWindow.base, board.pciWindow.end - 1),
      ),
    ),
    aml.name("_PRT", aml.pack(...routes(board))),
    isaBridge(board),
  );
}

/** Each slot's four pins to a link, rotated by slot. The power management function's pin is the SCI, by wire. */
function routes(board: AcpiBoard): aml.Aml[] {
  const all: aml.Aml[] = [];
  for (let slot = 0; slot < 32; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const address = slot * 0x10000 + 0xffff;
      if (slot === 1 && pin === 0) all.push(aml.pack(address, pin, 0, board.sciIrq));
      else all.push(aml.pack(address, pin, aml.path(LINKS[(slot + pin + 3) & 3] ?? "LNKA"), 0));
    }
  }
  return all;
}

function isaBridge(board: AcpiBoard): aml.Aml {
  const isaDevice = (id: string, hid: string, ...resources: aml.Aml[]): aml.Aml =>
    aml.device(id, aml.name("_HID", aml.eisaId(hid)), aml.name("_CRS", aml.resources(...resources)));
  return aml.device(
    "ISA_",
    aml.name("_ADR", 0x00010000),
    aml.pciConfigRegion("PIRQ", 0x60, 4),
    aml.byteFields("PIRQ", ["PRQ0", "PRQ1", "PRQ2", "PRQ3"]),
    isaDevice("DMAC", "PNP0200", aml.ioPorts(0x00, 16), aml.ioPorts(0x80, 16), aml.ioPorts(0xc0, 32), aml.isaDma(4)),
    isaDevice("PIC_", "PNP0000", aml.ioPorts(0x20, 2), aml.ioPorts(0xa0, 2), aml.isaIrq(2)),
    isaDevice("TMR_", "PNP0100", aml.ioPorts(0x40, 4), aml.isaIrq(0)),
    isaDevice("RTC_", "PNP0B00", aml.ioPorts(0x70, 2), aml.isaIrq(8)),
    isaDevice("KBD_", "PNP0303", aml.ioPorts(0x60, 1), aml.ioPorts(0x64, 1), aml.isaIrq(1)),
    isaDevice("MOU_", "PNP0F13", aml.isaIrq(12)),
    isaDevice("SPKR", "PNP0800", aml.ioPorts(0x61, 1)),
    isaDevice("FPU_", "PNP0C04", aml.ioPorts(0xf0, 1), aml.isaIrq(13)),
    ...board.comPorts.map(({ base, irq }, i) =>
      aml.device(
        `COM${i + 1}`,
        aml.name("_HID", aml.eisaId("PNP0501")),
        aml.name("_UID", i + 1),
        aml.name("_CRS", aml.resources(aml.ioPorts(base, 8), aml.isaIrq(irq))),
      ),
    ),
    ...(board.lptPorts ?? []).map(({ base, irq }, i) =>
      aml.device(
        `LPT${i + 1}`,
        aml.name("_HID", aml.eisaId("PNP0400")),
        aml.name("_UID", i + 1),
        aml.name("_CRS", aml.resources(aml.ioPorts(base, 8), aml.isaIrq(irq))),
      ),
    ),
    ...(board.hasFloppy
      ? [isaDevice("FDC0", "PNP0700", aml.ioPorts(0x3f2, 4), aml.ioPorts(0x3f7, 1), aml.isaIrq(6), aml.isaDma(2))]
      : []),
  );
}

/** An interrupt link (PNP0C0F) over one PIRQ routing register of the ISA bridge. */
function linkDevice(id: string, pirq: number): aml.Aml {
  const register = `\\_SB.PCI0.ISA_.PRQ${pirq}`;
  return aml.device(
    id,
    aml.name("_HID", aml.eisaId("PNP0C0F")),
    aml.name("_UID", pirq + 1),
    aml.name("_PRS", aml.resources(aml.sharedInterrupts(PIRQ_CHOICES))),
    aml.method("_STA", 0, aml.when(aml.and(register, ROUTE_OFF), aml.giveBack(0x09)), aml.giveBack(0x0b)),
    aml.method("_DIS", 0, aml.or(register, ROUTE_OFF, register)),
    aml.name("BUF0", aml.resources(aml.sharedInterrupts([0]))),
    aml.createDWordField("BUF0", 5, "IRQ0"),
    aml.method("_CRS", 0, aml.and(register, 0x0f, aml.path("IRQ0")), aml.giveBack("BUF0")),
    aml.method("_SRS", 1, aml.createDWordField(aml.ARG0, 5, "IRQ1"), aml.store("IRQ1", register)),
  );
}
