// Entry of the page: picks the transport, makes the stores, starts the interface.
import "./no-code-generation.ts";
import "@mantine/core/styles.layer.css";
import "../styles/tokens.css";
import "../styles/shell.css";
import "@xyflow/react/dist/base.css";
import "../styles/features.css";
import "../styles/network.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createStore } from "zustand/vanilla";
import { connect } from "../bridge/connect.ts";
import { detectLanguage, startI18n } from "../i18n/i18n.ts";
import { createNetworkEditor } from "../features/network/network-actions.ts";
import { createMachinesStore } from "../state/machines.ts";
import { createNetworkStore } from "../state/network.ts";
import { createNoticesStore } from "../state/notices.ts";
import { createPreferencesStore } from "../state/preferences.ts";
import { createViewStore } from "../state/view.ts";
import { App } from "./App.tsx";
import type { HostState, Services } from "./services.ts";
import { ServicesContext } from "./services.ts";
import { wire } from "./wire.ts";

async function start(): Promise<void> {
  const isMac = /Mac/i.test(navigator.platform);
  const parts: Omit<Services, "editor"> = {
    bridge: await connect(),
    machines: createMachinesStore(),
    network: createNetworkStore(),
    notices: createNoticesStore(),
    preferences: createPreferencesStore(safeStorage(), isMac),
    view: createViewStore(),
    host: createStore<HostState>(() => ({ info: null, connection: { state: "connecting" } })),
    isMac,
  };
  const services: Services = { ...parts, editor: createNetworkEditor(parts) };
  const { language } = services.preferences.getState();
  await startI18n(language === "auto" ? detectLanguage(navigator.languages) : language);
  wire(services);
  const root = document.getElementById("root");
  if (root === null) throw new Error("index.html has no #root");
  createRoot(root).render(
    <StrictMode>
      <ServicesContext value={services}>
        <App />
      </ServicesContext>
    </StrictMode>,
  );
}

/** Even asking for it throws where storage is forbidden. */
function safeStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

void start();
