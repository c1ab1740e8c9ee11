// The Networks page before there is any network: the ready lab in one click, or a first switch.
import { Button } from "@mantine/core";
import { FileUp, Network, Play } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServices } from "../../app/services.ts";
import { startStarterLab } from "./network-actions.ts";

export function EmptyNetworks({ onSwitch, onImport }: { onSwitch: () => void; onImport: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="rf-main rf-center">
      <div className="rf-empty">
        <Sketch />
        <h1>{t("net.empty.title")}</h1>
        <p>{t("net.empty.text")}</p>
        <StarterLabButton size="md" />
        <div className="rf-net-row">
          <Button variant="subtle" leftSection={<Network size={15} aria-hidden="true" />} onClick={onSwitch} data-testid="first-switch">
            {t("net.addSwitch")}
          </Button>
          <Button variant="subtle" leftSection={<FileUp size={15} aria-hidden="true" />} onClick={onImport}>
            {t("net.import")}
          </Button>
        </div>
      </div>
    </div>
  );
}

export function StarterLabButton({ size, isSecond = false }: { size: "xs" | "md"; isSecond?: boolean }) {
  const { t } = useTranslation();
  const services = useServices();
  const [isStarting, setStarting] = useState(false);
  const start = async (): Promise<void> => {
    setStarting(true);
    await startStarterLab(services);
    setStarting(false);
  };
  return (
    <Button size={size} variant={isSecond ? "default" : "filled"} loading={isStarting} leftSection={<Play size={size === "md" ? 18 : 15} aria-hidden="true" />} onClick={() => void start()} data-testid="starter-lab">
      {t("net.empty.lab")}
    </Button>
  );
}

/** Two VLANs of a switch, as a hint of what is to come. */
function Sketch() {
  const card = (x: number, y: number) => <rect key={`${x}-${y}`} x={x} y={y} width="46" height="16" rx="3" className="rf-sketch-card" />;
  return (
    <svg width="240" height="132" viewBox="0 0 240 132" aria-hidden="true" className="rf-sketch">
      <circle cx="120" cy="12" r="10" className="rf-sketch-line" />
      <path d="M120 22V44" className="rf-sketch-line" />
      <rect x="20" y="44" width="200" height="22" rx="4" className="rf-sketch-card" />
      <rect x="28" y="70" width="90" height="56" rx="5" className="rf-sketch-area" data-hue="1" />
      <rect x="124" y="70" width="90" height="56" rx="5" className="rf-sketch-area" data-hue="2" />
      {[card(52, 80), card(52, 102), card(148, 80)]}
      <path d="M40 66V110H52M40 88H52M136 66V88H148" className="rf-sketch-line" />
    </svg>
  );
}
