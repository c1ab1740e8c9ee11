import { environmentOperations } from "./environment.ts";
import type { Operation } from "./operation.ts";
export const x87Operations: Record<string, Operation> = { ...environmentOperations };
