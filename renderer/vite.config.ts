// Build of the user interface: relative addresses, so that one build serves Electron's own scheme, the headless host and a
// file server alike. `--mode fake` builds the same interface with the scripted bridge reachable by `?fake`.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig(({ mode }) => ({
  base: "./",
  publicDir: false,
  plugins: [react()],
  define: { "import.meta.env.RINGFENCE_FAKE": JSON.stringify(mode !== "production") },
  build: { target: "chrome146", outDir: "../dist/renderer", emptyOutDir: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 1000 },
  server: { fs: { allow: [".."] } },
}));
