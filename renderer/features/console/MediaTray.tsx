// Drives in the console's status bar: a light for each kind of device while it works, and for CD and floppy drives what is in
// them, with a menu to change it while the guest runs.
import { Menu, Tooltip, UnstyledButton } from "@mantine/core";
import { Disc3, HardDrive, Network, Save, Volume2 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Drive } from "../../../core/api/vm-config.ts";
import type { ActivityLight, VmRecord } from "../../../core/api/vm-state.ts";
import { ejectMedium, insertMedium } from "../../app/actions.ts";
import { usePreference, useServices } from "../../app/services.ts";
import { followLights } from "../../console/activity-lights.ts";
import { fileName } from "../../state/paths.ts";
import { BrowseDialog } from "../create/BrowseDialog.tsx";

const ICONS = { disk: HardDrive, cd: Disc3, floppy: Save, network: Network, sound: Volume2 } as const;
const ORDER = ["disk", "cd", "floppy"] as const;

export function MediaTray({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const [lit, setLit] = useState<ReadonlySet<ActivityLight>>(new Set());
  /** Devices that have no drive to show them by, once they have worked. */
  const [seen, setSeen] = useState<readonly ActivityLight[]>([]);
  useEffect(
    () =>
      followLights(bridge, machine.id, (lights) => {
        setLit(lights);
        setSeen((old) => (["network", "sound"] as const).filter((light) => old.includes(light) || lights.has(light)));
      }),
    [bridge, machine.id],
  );
  const drives = machine.config?.drives ?? [];
  const disks = drives.filter((drive) => drive.kind === "disk");
  const removable = ORDER.flatMap((kind) => drives.filter((drive) => drive.kind === kind && kind !== "disk"));
  if (drives.length === 0 && seen.length === 0) return null;
  return (
    <fieldset className="rf-tray" aria-label={t("tray.label")} data-testid="media-tray">
      {disks.length > 0 && (
        <Light light="disk" lit={lit.has("disk")} label={t("tray.disks", { names: disks.map((d) => fileName(d.path ?? "")).join(", ") })} />
      )}
      {removable.map((drive) => (
        <DriveMenu key={drive.id} machine={machine} drive={drive} lit={lit.has(drive.kind)} />
      ))}
      {seen.map((light) => (
        <Light key={light} light={light} lit={lit.has(light)} label={t(`tray.${light === "sound" ? "sound" : "network"}`)} />
      ))}
    </fieldset>
  );
}

function Light({ light, lit, label }: { light: ActivityLight; lit: boolean; label: string }) {
  const Icon = ICONS[light];
  return (
    <Tooltip label={label}>
      <span className="rf-light" role="img" aria-label={label} data-light={light} data-lit={lit}>
        <Icon size={14} aria-hidden="true" />
      </span>
    </Tooltip>
  );
}

function DriveMenu({ machine, drive, lit }: { machine: VmRecord; drive: Drive; lit: boolean }) {
  const { t } = useTranslation();
  const services = useServices();
  const recent = usePreference("recentMedia");
  const [browsing, setBrowsing] = useState(false);
  const Icon = ICONS[drive.kind];
  const kind = drive.kind === "cd" ? "cd" : "floppy";
  const medium = drive.path === null ? t("tray.empty") : fileName(drive.path);
  const offered = recent.filter((r) => r.kind === kind && r.path !== drive.path);
  return (
    <>
      <Menu position="top-start" withinPortal={false}>
        <Menu.Target>
          <UnstyledButton
            className="rf-tray-drive"
            data-testid={`tray-${drive.id}`}
            data-empty={drive.path === null}
            aria-label={t(`tray.${kind}`, { name: drive.id, medium })}
          >
            <span className="rf-light" data-light={kind} data-lit={lit}>
              <Icon size={14} aria-hidden="true" />
            </span>
            <span className="rf-tray-name">{medium}</span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown className="rf-tray-menu">
          <Menu.Label>{t(`tray.${kind}`, { name: drive.id, medium })}</Menu.Label>
          <Menu.Item onClick={() => setBrowsing(true)} data-testid="tray-insert">
            {t("tray.insert")}
          </Menu.Item>
          <Menu.Item disabled={drive.path === null} onClick={() => void ejectMedium(services, machine, drive)} data-testid="tray-eject">
            {t("tray.eject")}
          </Menu.Item>
          {offered.length > 0 && <Menu.Divider />}
          {offered.length > 0 && <Menu.Label>{t("tray.recent")}</Menu.Label>}
          {offered.map(({ path }) => (
            <Menu.Item key={path} title={path} onClick={() => void insertMedium(services, machine, drive, path)}>
              {fileName(path)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {browsing && (
        <BrowseDialog
          start={drive.path ?? offered[0]?.path ?? ""}
          onClose={() => setBrowsing(false)}
          onChoose={(path) => {
            setBrowsing(false);
            void insertMedium(services, machine, drive, path);
          }}
        />
      )}
    </>
  );
}
