// CPUID of a CPU model as a function of leaf and subleaf. AMD64 APM vol. 3 appendix E; Intel SDM vol. 2, CPUID. The hypervisor
// leaves follow the convention for 40000000h that VMware and KVM share, with KVM's own where the machine offers its features. Left out:
// topology beyond one core.
import { type CpuModel, FEATURE_BITS, isReported, TSC_HZ } from "./cpu-model.ts";

const MAX_BASIC_AMD = 7;
const MAX_BASIC_INTEL = 0x16;
const HYPERVISOR_BASE = 0x40000000;
const HYPERVISOR_TIMING = 0x40000010;
const EXTENDED_BASE = 0x80000000;
const MAX_EXTENDED = 0x80000008;
const HYPERVISOR_NAME = "RingfenceVMM";
const HYPERVISOR_KVM = 0x40000001;
const KVM_NAME = "KVMKVMKVM";
/** Cache line flushed by CLFLUSH, in quadwords. */
const CLFLUSH_QUADWORDS = 8;
/** The local APIC timer runs at this rate. */
const BUS_KHZ = 1_000_000;

/** What CPUID shows of the machine's present state. */
export interface CpuidState {
  readonly apicEnabled: boolean;
  /** Leaf 40000001h EAX: KVM's features, or 0 where the machine is not to look like KVM. The time-stamp counter is invariant either way. */
  readonly kvmFeatures: number;
}

function word(text: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | (at + i < text.length ? text.charCodeAt(at + i) : 0);
  return value;
}

/** Family, model and stepping as CPUID leaf 1 EAX, and EDX after reset, show them. */
export function cpuSignature(m: CpuModel): number {
  const baseFamily = Math.min(m.family, 15);
  const extendedFamily = m.family - baseFamily;
  return (extendedFamily << 20) | ((m.model >> 4) << 16) | (baseFamily << 8) | ((m.model & 15) << 4) | m.stepping;
}

function featureWord(m: CpuModel, leaf: number, register: number): number {
  let value = 0;
  for (const feature of m.features) {
    const [l, r, bit] = FEATURE_BITS[feature];
    if (l === leaf && r === register) value |= 1 << bit;
  }
  return value;
}

const APIC = 1 << 9;
/** The bits of leaf 1 EDX that AMD repeats in leaf 80000001h. */
const AMD_REPEATED = 0x0183f3ff;

/** Fills `out` with EAX, EBX, ECX, EDX. */
export function cpuid(m: CpuModel, leaf: number, subleaf: number, state: CpuidState, out: Uint32Array): void {
  const isAmd = m.vendor === "AuthenticAMD";
  const maxBasic = isAmd ? MAX_BASIC_AMD : MAX_BASIC_INTEL;
  let index = leaf >>> 0;
  const isHypervisor = index >= HYPERVISOR_BASE && index < HYPERVISOR_BASE + 0x10000 && isReported(m, "hypervisor");
  out.fill(0);
  if (isHypervisor) {
    hypervisorLeaf(index, state, out);
    return;
  }
  if (index >= EXTENDED_BASE && index <= MAX_EXTENDED) {
    extendedLeaf(m, index, isAmd, state, out);
    return;
  }
  // Above the last leaf Intel answers with the last basic one, AMD with zeros.
  if (index > maxBasic) {
    if (isAmd) return;
    index = maxBasic;
  }
  switch (index) {
    case 0:
      out.set([maxBasic, word(m.vendor, 0), word(m.vendor, 8), word(m.vendor, 4)]);
      return;
    case 1: {
      const edx = featureWord(m, 1, 3);
      out.set([cpuSignature(m), (CLFLUSH_QUADWORDS << 8) | (1 << 16), featureWord(m, 1, 2), state.apicEnabled ? edx : edx & ~APIC]);
      return;
    }
    case 2:
      // One-byte descriptors: 4 KiB page TLBs, 32 KiB L1 caches, 2 MiB L2.
      if (!isAmd) out.set([0x00_5b_50_01, 0, 0, 0x2c_30_7d_00]);
      return;
    case 4:
      if (!isAmd) intelCache(subleaf, out);
      return;
    case 7:
      if (subleaf === 0) out[1] = featureWord(m, index, 1);
      return;
    case 0x15:
      // The crystal is said to run at the TSC's own rate.
      out.set([1, 1, TSC_HZ, 0]);
      return;
    case 0x16:
      out.set([TSC_HZ / 1e6, TSC_HZ / 1e6, 100, 0]);
      return;
    default:
  }
}

/** Deterministic cache parameters: type, level, line 64, ways, sets. */
function intelCache(subleaf: number, out: Uint32Array): void {
  const caches = [
    [1, 1, 8, 64],
    [2, 1, 8, 64],
    [3, 2, 8, 4096],
  ] as const;
  const cache = caches[subleaf];
  if (!cache) return;
  const [type, level, ways, sets] = cache;
  out.set([type | (level << 5) | (1 << 8), 63 | ((ways - 1) << 22), sets - 1, 0]);
}

function hypervisorLeaf(index: number, { kvmFeatures }: CpuidState, out: Uint32Array): void {
  if (index === HYPERVISOR_BASE) {
    const name = kvmFeatures === 0 ? HYPERVISOR_NAME : KVM_NAME;
    out.set([HYPERVISOR_TIMING, word(name, 0), word(name, 4), word(name, 8)]);
  } else if (index === HYPERVISOR_KVM) {
    out[0] = kvmFeatures;
  } else if (index === HYPERVISOR_TIMING) {
    out.set([TSC_HZ / 1000, BUS_KHZ, 0, 0]);
  }
}

function extendedLeaf(m: CpuModel, index: number, isAmd: boolean, state: CpuidState, out: Uint32Array): void {
  switch (index) {
    case 0x80000000:
      out.set(isAmd ? [MAX_EXTENDED, word(m.vendor, 0), word(m.vendor, 8), word(m.vendor, 4)] : [MAX_EXTENDED, 0, 0, 0]);
      return;
    case 0x80000001: {
      let edx = featureWord(m, index, 3);
      if (isAmd) edx |= featureWord(m, 1, 3) & AMD_REPEATED & (state.apicEnabled ? -1 : ~APIC);
      out.set([isAmd ? cpuSignature(m) : 0, 0, featureWord(m, index, 2), edx]);
      return;
    }
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (index - 0x80000002) * 16;
      out.set([word(m.brand, at), word(m.brand, at + 4), word(m.brand, at + 8), word(m.brand, at + 12)]);
      return;
    }
    case 0x80000005:
      // L1: TLBs of 32 entries; data and code caches of 64 KiB, 2 ways, 64-byte lines.
      if (isAmd) out.set([0xff08_ff08, 0xff20_ff20, 0x4002_0140, 0x4002_0140]);
      return;
    case 0x80000006:
      // L2: 512 KiB, 16 ways, 64-byte lines.
      out.set(isAmd ? [0, 0x4200_4200, 0x0200_8140, 0] : [0, 0, 0x0200_8040, 0]);
      return;
    case 0x80000007:
      out[3] = featureWord(m, index, 3);
      return;
    case 0x80000008:
      out[0] = m.physicalBits | (m.linearBits << 8);
      return;
    default:
  }
}
