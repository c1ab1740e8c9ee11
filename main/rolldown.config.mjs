// Bundles everything but the user interface: the hosts (ESM), the preload script (CommonJS, because a sandboxed preload must be)
// and the threads of machines and network with the program at a bridge's device (ESM, in dist/core, which a package keeps outside its archive).
const common = { platform: "node", external: ["electron", /^node:/], tsconfig: false, logLevel: "warn" };
const main = { dir: "dist/main", format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js", cleanDir: true };

export default [
  { ...common, input: { electron: "main/electron/entry.electron.ts", server: "main/server/main.ts" }, output: main },
  { ...common, input: { preload: "main/electron/preload.ts" }, output: { dir: "dist/main", format: "cjs", entryFileNames: "[name].cjs" } },
  { ...common, input: { "vm-worker": "core/worker/vm-worker.ts", "io-worker": "core/worker/io-worker.ts", "network-worker": "core/worker/network-worker.ts", "tap-program": "core/network/host/tap-program.ts" }, output: { dir: "dist/core", format: "esm", entryFileNames: "[name].js", cleanDir: true } },
];
