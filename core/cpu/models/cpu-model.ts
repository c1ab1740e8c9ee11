// The processors that a machine can have, as data: vendor, family, and the features that CPUID reports. What is not reported
// raises #UD (`hasFeature`), so a model row is also the list of instructions. AMD64 APM vol. 3 appendix E, Intel SDM vol. 2 CPUID.

/** Where CPUID reports a feature: leaf, register (0 EAX to 3 EDX), bit. */
type FeatureBit = readonly [leaf: number, register: number, bit: number];

/** Every feature that this engine implements. */
export const FEATURE_BITS = {
  fpu: [1, 3, 0],
  de: [1, 3, 2],
  pse: [1, 3, 3],
  tsc: [1, 3, 4],
  msr: [1, 3, 5],
  pae: [1, 3, 6],
  mce: [1, 3, 7],
  cx8: [1, 3, 8],
  apic: [1, 3, 9],
  sep: [1, 3, 11],
  mtrr: [1, 3, 12],
  pge: [1, 3, 13],
  mca: [1, 3, 14],
  cmov: [1, 3, 15],
  pat: [1, 3, 16],
  clfsh: [1, 3, 19],
  mmx: [1, 3, 23],
  fxsr: [1, 3, 24],
  sse: [1, 3, 25],
  sse2: [1, 3, 26],
  sse3: [1, 2, 0],
  ssse3: [1, 2, 9],
  cx16: [1, 2, 13],
  sse41: [1, 2, 19],
  sse42: [1, 2, 20],
  movbe: [1, 2, 22],
  popcnt: [1, 2, 23],
  tscdeadline: [1, 2, 24],
  hypervisor: [1, 2, 31],
  tscadjust: [7, 1, 1],
  syscall: [0x80000001, 3, 11],
  nx: [0x80000001, 3, 20],
  rdtscp: [0x80000001, 3, 27],
  lm: [0x80000001, 3, 29],
  lahf64: [0x80000001, 2, 0],
  invtsc: [0x80000007, 3, 8],
} as const satisfies Record<string, FeatureBit>;

export type Feature = keyof typeof FEATURE_BITS;

/** Other names under which instruction rows know a feature. */
const ALIASES: Readonly<Record<string, Feature>> = {
  sysenter: "sep",
  clflush: "clfsh",
  "sse4.1": "sse41",
  "sse4.2": "sse42",
  sse4_1: "sse41",
  sse4_2: "sse42",
  cmpxchg8b: "cx8",
  cmpxchg16b: "cx16",
  lahf: "lahf64",
};

export interface CpuModel {
  readonly name: string;
  readonly vendor: "AuthenticAMD" | "GenuineIntel";
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** Up to 47 characters. */
  readonly brand: string;
  readonly physicalBits: number;
  readonly linearBits: number;
  readonly features: readonly Feature[];
}

/** The time-stamp counter's rate, the same for every model. */
export const TSC_HZ = 1_000_000_000;

const LEGACY: readonly Feature[] = [
  "fpu", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr", "pge", "mca", "cmov", "pat", "clfsh", "mmx", "fxsr",
  "sse", "sse2", "sse3", "ssse3", "sse41", "sse42", "movbe", "popcnt", "tscdeadline", "hypervisor", "nx", "rdtscp", "invtsc", "tscadjust",
];
const LONG: readonly Feature[] = [...LEGACY, "cx16", "syscall", "lm", "lahf64"];

export const CPU_MODELS: readonly CpuModel[] = [
  // An AMD family on which Linux applies no page-table isolation, since those processors never had the fault it is for.
  {
    name: "ringfence64",
    vendor: "AuthenticAMD",
    family: 15,
    model: 107,
    stepping: 1,
    brand: "Ringfence Virtual CPU",
    physicalBits: 40,
    linearBits: 48,
    features: LONG,
  },
  {
    name: "ringfence32",
    vendor: "AuthenticAMD",
    family: 15,
    model: 107,
    stepping: 1,
    brand: "Ringfence Virtual CPU (32-bit)",
    physicalBits: 36,
    linearBits: 32,
    features: LEGACY,
  },
  {
    name: "ringfence64-intel",
    vendor: "GenuineIntel",
    family: 6,
    model: 26,
    stepping: 3,
    brand: "Ringfence Virtual CPU (Intel)",
    physicalBits: 40,
    linearBits: 48,
    features: LONG,
  },
];

export const DEFAULT_CPU_MODEL = CPU_MODELS[0] as CpuModel;

export function findCpuModel(name: string): CpuModel | undefined {
  return CPU_MODELS.find((m) => m.name === name);
}

export function isReported(model: CpuModel, feature: Feature): boolean {
  return model.features.includes(feature);
}

/** True if instructions of the named feature exist on this model. A name that this engine does not know is a feature it lacks. */
export function hasFeature(model: CpuModel, name: string): boolean {
  const feature = ALIASES[name] ?? name;
  return (model.features as readonly string[]).includes(feature);
}
