// Where everything lies in a machine's one WebAssembly memory: CPU state, TLBs, translation caches, then guest RAM.
// The single source of offsets for generated code, TypeScript, snapshots and the register viewer. Follows no outside
// document; the registers are those of the AMD64 and Intel 64 manuals. One vCPU: its block starts at 0.

/** General registers RAX..R15, 8 bytes each, in instruction encoding order. */
export const GPR = 0x40;
/** Always zero: stands for an absent base, index or segment base in predecoded operands. */
export const ZERO = 0xc0;
/** Linear address computed by a pre-record for operands that need segment checks. */
export const TMP_EA = 0xc8;
/** Always zero too; marks a flat stack-segment operand, whose faults are #SS. */
export const ZERO_SS = 0xd0;
/** RIP at an instruction boundary (settled whenever generated code is left). */
export const RIP = 0xd8;
/** Arithmetic flags, lazily: the sign-extended result, and AUX: bit 63 CF, 62 CF^OF, 3 AF, 15:8 parity delta, 0 sign delta. */
export const FLAG_RESULT = 0xe0;
export const FLAG_AUX = 0xe8;
/** EFLAGS without CF PF AF ZF SF OF: TF IF DF IOPL NT RF VM AC VIF VIP ID (bit 1 not kept). */
export const EFLAGS_OTHER = 0xf0;

/** ES CS SS DS FS GS LDTR TR, SEG_SIZE bytes each: base i64, limit u32 (in bytes, expanded), attributes u32 (descriptor bits
 *  40..55: type, S, DPL, P, then limit bits left 0, AVL, L, D/B, G; 0 for a null selector), selector u32. */
export const SEG = 0x100;
export const SEG_SIZE = 32;
export const SEG_BASE = 0;
export const SEG_LIMIT = 8;
export const SEG_ATTR = 12;
export const SEG_SELECTOR = 16;
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

/** GDTR and IDTR: base i64, limit u32. */
export const GDTR = 0x200;
export const IDTR = 0x210;
export const CR0 = 0x220;
export const CR2 = 0x228;
export const CR3 = 0x230;
export const CR4 = 0x238;
export const EFER = 0x240;
/** DR0-DR7, 8 bytes each. */
export const DR = 0x248;
/** Current privilege level, i32. */
export const CPL = 0x288;
/** What decoding depends on, i32: see mode.ts. Part of the key of translated code. */
export const MODE_KEY = 0x28c;

/** Fault of the instruction being executed: vector + 1 (0: none), whether it has an error code, the code, CR2 to be. */
export const FAULT = 0x290;
export const FAULT_HAS_CODE = 0x294;
export const FAULT_CODE = 0x298;
export const FAULT_ADDRESS = 0x2a0;
/** Not 0: leave generated code at the next block end. Set by the run loop's callbacks. */
export const EXIT_REQUEST = 0x2a8;
/** Not 0: an interrupt controller holds INTR up. */
export const INTR_PENDING = 0x2ac;
/** Why generated code was left: see EXIT_* in engine.ts. */
export const EXIT_REASON = 0x2b0;
/** Record being executed when it was left. */
export const EXIT_RECORD = 0x2b4;
/** Instructions left of the budget when it was left. */
export const LEFT = 0x2b8;
/** Not 0: interrupts are held off for one instruction (after STI, MOV SS, POP SS), counted from where generated code is left. */
export const SHADOW = 0x2bc;
/** RIP after the current system instruction, which may change it. */
export const NEXT_RIP = 0x2c0;
/** Physical address bits that the A20 gate holds at 0: none, or bit 20. i64. Not touched by RESET: the gate is outside the processor. */
export const A20_MASKED = 0x2d0;
/** Random keys of the current address space and privilege: bits 63:12. */
export const TLB_KEY = 0x2e0;
export const TLB_KEY_SUPERVISOR = 0x2e8;
export const TLB_KEY_USER = 0x2f0;
export const CODE_KEY = 0x2f8;
/** Base of CODE_KEY for this address space. */
export const CODE_KEY_SPACE = 0x300;

/** Random keys of the site caches of translated code, drawn anew where an entry of theirs has to go: that of the current privilege,
 *  and those of both. Bits 63:12. */
export const SITE_KEY = 0x380;
export const SITE_KEY_SUPERVISOR = 0x388;
export const SITE_KEY_USER = 0x390;
/** CODE_KEY is CODE_KEY_SPACE mixed with one of these, by privilege; both belong to the present MODE_KEY. */
export const CODE_MIX_SUPERVISOR = 0x398;
export const CODE_MIX_USER = 0x3a0;
/** State of the generator that new keys are drawn from in WebAssembly, i64. */
export const KEY_NOISE = 0x3a8;
/** Translations noted in FILL_LOG since it was last emptied, i32; FILL_LOG_ENTRIES + 1: there were more. */
export const FILL_COUNT = 0x3b0;
/** Not 0: the leaf that the page walker found last is global, i32. */
export const WALK_GLOBAL = 0x3b4;
/** The time-stamp counter within a run: ticks at its start and ticks an instruction (f64), TSC_OFFSET not included, and the
 *  instructions that LEFT counts down from (i32). Ticks of 0 an instruction: unknown, TypeScript is asked. */
export const TSC_START = 0x3b8;
export const TSC_STEP = 0x3c0;
export const RUN_TOTAL = 0x3c8;
/** From so many instructions of the run on (i32) TypeScript is asked, which looks at the host's clock; and the latest count of
 *  ticks that generated code has answered (f64). */
export const TSC_LIMIT = 0x3cc;
export const TSC_LAST = 0x3d0;

/** MSRs, 8 bytes each. FS and GS bases lie in their segments. */
export const MSR_STAR = 0x308;
export const MSR_LSTAR = 0x310;
export const MSR_CSTAR = 0x318;
export const MSR_SFMASK = 0x320;
export const MSR_KERNEL_GS_BASE = 0x328;
export const MSR_SYSENTER_CS = 0x330;
export const MSR_SYSENTER_ESP = 0x338;
export const MSR_SYSENTER_EIP = 0x340;
export const MSR_TSC_AUX = 0x348;
export const MSR_PAT = 0x350;
/** TSC offset written by WRMSR 10h or TSC_ADJUST, in ticks. */
export const TSC_OFFSET = 0x358;

/** A store that could not go straight to RAM (page crossing, MMIO, ROM, code): see mmu/translate.ts. */
export const WRITE_GPA0 = 0x360;
export const WRITE_GPA1 = 0x368;
export const WRITE_SPLIT = 0x370;
export const WRITE_SIZE = 0x374;
/** Not 0: data breakpoints are on, so that memory accesses fill no TLB and are noted in WATCH_LOG. i32 each. */
export const WATCHING = 0x378;
export const WATCH_COUNT = 0x37c;

/** x87: eight registers by physical number, 16 bytes each: mantissa i64 (MMX register), then sign and exponent u16. */
export const FPU_REGS = 0x400;
/** TOP 0-7, i32. */
export const FPU_TOP = 0x480;
/** Control word, i32. */
export const FPU_CW = 0x484;
/** Status word without TOP, i32: the exception bits, C0-C3, ES and B. */
export const FPU_SW = 0x488;
/** Bit n set: physical register n is empty. i32. */
export const FPU_EMPTY = 0x48c;
export const FPU_OPCODE = 0x490;
/** Instruction and data pointers with selectors, i64 + u32 each. */
export const FPU_IP = 0x498;
export const FPU_DP = 0x4a0;
export const FPU_CS = 0x4a8;
export const FPU_DS = 0x4ac;
export const MXCSR = 0x4b0;
/** XMM0-15, 16 bytes each. */
export const XMM = 0x500;

/** Where a read that could not come straight from RAM is put together, and a write is held until it is committed. 64 bytes each. */
export const BOUNCE_READ = 0x600;
export const BOUNCE_WRITE = 0x640;
/** Scratch for arguments and second results of wasm functions and TypeScript helpers, 256 bytes. */
export const SCRATCH = 0x700;

/** Accesses of the instruction being stepped, WATCH_ENTRIES of 16 bytes: linear address i64, then i32: size, 256 if a write. */
export const WATCH_LOG = 0x800;
export const WATCH_ENTRIES = 16;
/** Where an image of FXSAVE and FXRSTOR that lies across two pages is put together, 512 bytes. */
export const FPU_IMAGE = 0x900;

/** Bit n set: a large page covers part of the 4 MiB range n, of 1024 in either half of the address space, and may be cached. */
export const LARGE_RANGES = 0x1000;
export const LARGE_RANGES_BYTES = 256;
/** By the low 16 bits of a page's number: it may be cached from a global leaf, or is noted in FILL_LOG. */
export const GLOBAL_PAGES = 0x2000;
export const LOGGED_PAGES = 0x4000;
export const PAGE_SET_BYTES = 0x2000;

/** 4096 entries of 16 bytes: tag i64 (page address ^ key; low bits FFFh: empty), host addend i32, i32: 1 if from a global leaf. */
export const READ_TLB = 0x10000;
export const WRITE_TLB = 0x20000;
export const TLB_BYTES = 0x10000;
export const TLB_EMPTY = 0xfff;
/** What a CR3 load has to take out: entries of TLBs, of the jump cache and at sites, filled from leaves that are not global. Each: the
 *  address of the entry's tag (i32) and the low 32 bits of the page's number. Memory that has been a site may only be used for
 *  something else after newAddressSpace(). */
export const FILL_LOG = 0x30000;
export const FILL_LOG_ENTRIES = 8192;
/** 8192 entries of 16 bytes: RIP ^ code key i64, record i32. */
export const JUMP_CACHE = 0x40000;
export const JUMP_CACHE_BYTES = 0x20000;
/** Pages of code for the block table, 1024 entries of 16 bytes: (page address ^ code key) | 1 i64, number of the guest-physical page i32,
 *  i32: 1 if from a global leaf. */
export const CODE_TLB = 0x60000;
export const CODE_TLB_ENTRIES = 1024;
/** For each guest-physical page below 4 GiB, i32: host address of the page, with PAGE_* bits; 0 if it is not memory. */
export const PAGE_MAP = 0x400000;
export const PAGE_READ_ONLY = 1;
export const PAGE_HAS_CODE = 2;
/** Stores may have a short way to the page, in the TLB or at a site of translated code. */
export const PAGE_WRITE_CACHED = 4;
/** For each such page, i64: bit n set if bytes [64n, 64n+64) have been decoded as code. */
export const CODE_GRANULES = 0x800000;
/** 256 Ki entries of 32 bytes: RIP i64, guest-physical address i64, mode key i32, record i32 (0: free). */
export const BLOCK_TABLE = 0x1000000;
export const BLOCK_TABLE_ENTRIES = 0x40000;
export const BLOCK_TABLE_BYTES = BLOCK_TABLE_ENTRIES * 32;
/** Predecoded instruction records. */
export const RECORDS = BLOCK_TABLE + BLOCK_TABLE_BYTES;
export const RECORDS_BYTES = 0x4000000;
/** What translated regions keep: a cache of one page for each place that accesses memory, records of instructions they call. */
export const REGION_DATA = RECORDS + RECORDS_BYTES;
export const REGION_DATA_BYTES = 0x800000;
/** Guest RAM starts here; page aligned. */
export const RAM = REGION_DATA + REGION_DATA_BYTES;

/** Bits of CR0, CR4, EFER and EFLAGS by their manual names. */
export const CR0_PE = 1;
export const CR0_MP = 2;
export const CR0_EM = 4;
export const CR0_TS = 8;
export const CR0_ET = 0x10;
export const CR0_NE = 0x20;
export const CR0_WP = 0x10000;
export const CR0_AM = 0x40000;
export const CR0_NW = 0x20000000;
export const CR0_CD = 0x40000000;
export const CR0_PG = 0x80000000;
export const CR4_TSD = 4;
export const CR4_DE = 8;
export const CR4_PSE = 0x10;
export const CR4_PAE = 0x20;
export const CR4_MCE = 0x40;
export const CR4_PGE = 0x80;
export const CR4_PCE = 0x100;
export const CR4_OSFXSR = 0x200;
export const CR4_OSXMMEXCPT = 0x400;
export const EFER_SCE = 1;
export const EFER_LME = 0x100;
export const EFER_LMA = 0x400;
export const EFER_NXE = 0x800;
export const FL_CF = 1;
export const FL_PF = 4;
export const FL_AF = 0x10;
export const FL_ZF = 0x40;
export const FL_SF = 0x80;
export const FL_TF = 0x100;
export const FL_IF = 0x200;
export const FL_DF = 0x400;
export const FL_OF = 0x800;
export const FL_IOPL = 0x3000;
export const FL_NT = 0x4000;
export const FL_RF = 0x10000;
export const FL_VM = 0x20000;
export const FL_AC = 0x40000;
export const FL_VIF = 0x80000;
export const FL_VIP = 0x100000;
export const FL_ID = 0x200000;
/** CF PF AF ZF SF OF. */
export const FL_ARITH = 0x8d5;
/** Attribute bits of a loaded segment (SEG_ATTR). */
export const ATTR_ACCESSED = 1;
export const ATTR_WRITABLE = 2;
export const ATTR_CONFORMING = 4;
export const ATTR_CODE = 8;
export const ATTR_S = 0x10;
export const ATTR_P = 0x80;
export const ATTR_L = 0x2000;
export const ATTR_DB = 0x4000;
export const ATTR_G = 0x8000;

/** Predecoded instruction record. */
export const REC_SIZE = 48;
/** i32: table slot of its handler. */
export const REC_HANDLER = 0;
/** u16: state offsets of the register operands `reg` and `rm` (byte registers: of the byte itself). */
export const REC_REG = 4;
export const REC_RM = 6;
/** u16: state offsets of base and index registers, or ZERO. */
export const REC_BASE = 8;
export const REC_INDEX = 10;
/** u8: shift of the index; u8: instruction length; u16: state offset of the segment base, ZERO or ZERO_SS. */
export const REC_SCALE = 12;
export const REC_LENGTH = 13;
export const REC_SEGBASE = 14;
/** i64: displacement, sign-extended; RIP-relative: the whole address. */
export const REC_DISP = 16;
/** i64: immediate, sign-extended to the operation's size; branches: the target RIP. */
export const REC_IMM = 24;
/** i64: RIP of this instruction. */
export const REC_RIP = 32;
/** i32: record of the taken successor in the same page, or 0; i32: second immediate, segment numbers, decode extras. */
export const REC_LINK = 40;
export const REC_EXTRA = 44;
