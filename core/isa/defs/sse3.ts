// SSE3 and SSSE3 (FISTTP is with the x87, MONITOR and MWAIT with the system instructions).
import type { Row } from "../row.ts";
import { group } from "../row.ts";

/** SSSE3 operations on MMX and XMM registers: opcode after 0F 38. */
const BINARY: readonly (readonly [string, string])[] = [
  ["00", "pshufb"], ["01", "phaddw"], ["02", "phaddd"], ["03", "phaddsw"], ["04", "pmaddubsw"], ["05", "phsubw"], ["06", "phsubd"],
  ["07", "phsubsw"], ["08", "psignb"], ["09", "psignw"], ["0A", "psignd"], ["0B", "pmulhrsw"],
];
const ABSOLUTE: readonly (readonly [string, string])[] = [["1C", "pabsb"], ["1D", "pabsw"], ["1E", "pabsd"]];

/** The MMX and the XMM row of one operation. */
const both = (acc: string) => ([opcode, name]: readonly [string, string]): Row[] => [
  { enc: `NP 0F 38 ${opcode} /r`, syn: `${name} Pq,Qq`, acc, unit: "mmx" },
  { enc: `66 0F 38 ${opcode} /r`, syn: `${name} Vdq,Wdq`, acc, unit: "sse" },
];

export const sse3: readonly Row[] = [
  ...group({ unit: "sse", feature: "sse3" }, [
    { enc: "F3 0F 12 /r", syn: "movsldup Vps,Wps", acc: "w,r" },
    { enc: "F3 0F 16 /r", syn: "movshdup Vps,Wps", acc: "w,r" },
    { enc: "F2 0F 12 /r", syn: "movddup Vdq,Wq", acc: "w,r" },
    { enc: "66 0F 7C /r", syn: "haddpd Vpd,Wpd", acc: "rw,r" },
    { enc: "F2 0F 7C /r", syn: "haddps Vps,Wps", acc: "rw,r" },
    { enc: "66 0F 7D /r", syn: "hsubpd Vpd,Wpd", acc: "rw,r" },
    { enc: "F2 0F 7D /r", syn: "hsubps Vps,Wps", acc: "rw,r" },
    { enc: "66 0F D0 /r", syn: "addsubpd Vpd,Wpd", acc: "rw,r" },
    { enc: "F2 0F D0 /r", syn: "addsubps Vps,Wps", acc: "rw,r" },
    { enc: "F2 0F F0 /r", syn: "lddqu Vdq,Mdq", acc: "w,r", align: 0 },
  ]),
  ...group({ feature: "ssse3" }, [
    ...BINARY.flatMap(both("rw,r")),
    ...ABSOLUTE.flatMap(both("w,r")),
    { enc: "NP 0F 3A 0F /r", syn: "palignr Pq,Qq,Ib", acc: "rw,r,r", unit: "mmx" },
    { enc: "66 0F 3A 0F /r", syn: "palignr Vdq,Wdq,Ib", acc: "rw,r,r", unit: "sse" },
  ]),
];
