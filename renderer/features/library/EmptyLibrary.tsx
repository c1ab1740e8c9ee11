// What a newcomer sees: one click to a running machine.
import { Button } from "@mantine/core";
import { Play, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServices } from "../../app/services.ts";
import { Logo } from "../../components/Logo.tsx";
import { bootDemo } from "../create/new-machine.ts";
import { StarterLabButton } from "../network/EmptyNetworks.tsx";

export function EmptyLibrary() {
  const { t } = useTranslation();
  const services = useServices();
  const [booting, setBooting] = useState(false);
  const boot = async (): Promise<void> => {
    setBooting(true);
    await bootDemo(services);
    setBooting(false);
  };
  return (
    <main id="main" className="rf-main rf-center" tabIndex={-1}>
      <div className="rf-empty">
        <Logo size={96} />
        <h1>{t("empty.title")}</h1>
        <p>{t("empty.text")}</p>
        <Button
          size="md"
          variant="filled"
          loading={booting}
          leftSection={<Play size={18} aria-hidden="true" />}
          onClick={() => void boot()}
          data-testid="boot-demo"
        >
          {t("empty.boot")}
        </Button>
        <StarterLabButton size="md" isSecond />
        <Button
          variant="subtle"
          leftSection={<Plus size={15} aria-hidden="true" />}
          onClick={() => services.view.setState({ wizard: {} })}
          data-testid="new-machine"
        >
          {t("empty.own")}
        </Button>
      </div>
    </main>
  );
}
