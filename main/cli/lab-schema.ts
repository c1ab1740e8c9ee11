// Writes assets/lab.schema.json, the JSON schema of a lab file, from the schema that the program itself uses.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { LabFile } from "../../core/api/network.ts";

export const LAB_SCHEMA_FILE = new URL("../../assets/lab.schema.json", import.meta.url);

export function labSchemaText(): string {
  const schema = z.toJSONSchema(LabFile, { io: "input", reused: "ref" });
  return `${JSON.stringify({ title: "Ringfence lab", description: "Machines and the network between them, for ringfence lab run", ...schema }, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(LAB_SCHEMA_FILE, labSchemaText());
