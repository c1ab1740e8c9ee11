// What the machine starts from, the order in which firmware looks, and which firmware that is.
import { ActionIcon, Button, Checkbox, Tooltip } from "@mantine/core";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { BootDevice } from "../../../core/api/vm-config.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";
import { BootEditor } from "./BootEditor.tsx";
import { FirmwareEditor } from "./FirmwareEditor.tsx";
import type { HardwareProps } from "./HardwareTab.tsx";
import { PendingMark } from "./PendingMark.tsx";

/** The network can be named by a file made by hand; no machine has a network card yet. */
const OFFERED: readonly BootDevice[] = BootDevice.options.filter((device) => device !== "network");

export function StartPanel({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState<"boot" | "firmware" | null>(null);
  const { boot, firmware } = config;
  const pencil = (what: "boot" | "firmware", label: string) => (
    <Button size="compact-xs" aria-label={`${t("hardware.change")} ${label}`} onClick={() => setEditing(what)} data-testid={`edit-${what}`}>
      {t("hardware.change")}
    </Button>
  );
  return (
    <Panel
      title={t("hardware.start")}
      aside={
        <span>
          <PendingMark machine={machine} part={machine.pending?.includes("boot") ? "boot" : "firmware"} />
        </span>
      }
    >
      <Facts>
        <Fact name={t("details.boot")}>
          {t(boot.kind === "demo" ? "details.bootDemo" : boot.kind === "kernel" ? "create.kernel" : "details.bootFirmware")}{" "}
          {pencil("boot", t("details.bootEdit"))}
        </Fact>
        {boot.kind === "kernel" && (
          <>
            <Fact name={t("details.kernel")}>
              <span className="rf-mono">{boot.kernel}</span>
            </Fact>
            <Fact name={t("details.initrd")}>
              <span className="rf-mono">{boot.initrd ?? t("common.none")}</span>
            </Fact>
            <Fact name={t("details.append")}>
              <span className="rf-mono">{boot.append === "" ? t("common.none") : boot.append}</span>
            </Fact>
          </>
        )}
        {boot.kind === "firmware" && (
          <Fact name={t("hardware.firmware")}>
            {firmware.kind === "ringfence" ? t("hardware.firmware.own") : <span className="rf-mono">{firmware.bios}</span>}{" "}
            {pencil("firmware", t("hardware.firmwareEdit"))}
          </Fact>
        )}
      </Facts>
      {boot.kind === "firmware" && <BootOrder machine={machine} config={config} order={boot.order} />}
      {editing === "boot" && <BootEditor machine={machine} boot={boot} onDone={() => setEditing(null)} />}
      {editing === "firmware" && <FirmwareEditor machine={machine} firmware={firmware} onDone={() => setEditing(null)} />}
    </Panel>
  );
}

function BootOrder({ machine, order }: HardwareProps & { order: readonly BootDevice[] }) {
  const { t } = useTranslation();
  const services = useServices();
  const save = (wanted: BootDevice[]): void => void updateMachine(services, machine, { boot: { kind: "firmware", order: wanted } });
  const rest = OFFERED.filter((device) => !order.includes(device));
  const move = (index: number, by: number): void => {
    const wanted = [...order];
    const [device] = wanted.splice(index, 1);
    if (device !== undefined) wanted.splice(index + by, 0, device);
    save(wanted);
  };
  return (
    <div>
      <span className="rf-label" id="boot-order">
        {t("settings.bootOrder")}
      </span>
      <ol className="rf-order" aria-labelledby="boot-order" data-testid="boot-order">
        {[...order, ...rest].map((device, index) => {
          const isOn = index < order.length;
          const name = t(`drive.${device}`);
          return (
            <li key={device}>
              <Checkbox
                size="xs"
                label={name}
                checked={isOn}
                onChange={() => save(isOn ? order.filter((d) => d !== device) : [...order, device])}
              />
              <Tooltip label={t("hardware.earlier", { name })}>
                <ActionIcon size="sm" aria-label={t("hardware.earlier", { name })} disabled={!isOn || index === 0} onClick={() => move(index, -1)}>
                  <ArrowUp size={14} aria-hidden="true" />
                </ActionIcon>
              </Tooltip>
              <Tooltip label={t("hardware.later", { name })}>
                <ActionIcon
                  size="sm"
                  aria-label={t("hardware.later", { name })}
                  disabled={!isOn || index === order.length - 1}
                  onClick={() => move(index, 1)}
                >
                  <ArrowDown size={14} aria-hidden="true" />
                </ActionIcon>
              </Tooltip>
            </li>
          );
        })}
      </ol>
    </div>
  );
}
