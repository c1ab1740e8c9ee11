// The drives of a machine: what is in them, where they are attached, and how they treat what the guest writes.
import { ActionIcon, Button, Menu, Select, Switch, Tooltip } from "@mantine/core";
import { ChevronDown, Disc3, FolderOpen, HardDrive, Plus, Save, Trash2, Upload as EjectIcon } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Drive } from "../../../core/api/vm-config.ts";
import { ejectMedium, insertMedium, updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import type { DriveKind } from "../../state/drives.ts";
import { CONTROLLERS, freeSlot, moveDrive, withDrive } from "../../state/drives.ts";
import { addNotice } from "../../state/notices.ts";
import { fileName } from "../../state/paths.ts";
import { BrowseDialog } from "../create/BrowseDialog.tsx";
import type { HardwareProps } from "./HardwareTab.tsx";
import { NewDiskDialog } from "./NewDiskDialog.tsx";
import { PendingMark } from "./PendingMark.tsx";

export const DRIVE_ICONS = { disk: HardDrive, cd: Disc3, floppy: Save } as const;

export function DrivesPanel({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  const services = useServices();
  const { drives } = config;
  const [dialog, setDialog] = useState<{ kind: "newDisk" } | { kind: "oldDisk" } | { kind: "medium"; drive: Drive } | null>(null);
  const save = (wanted: Drive[]): void => void updateMachine(services, machine, { drives: wanted });
  const hasRoom = (kind: DriveKind): boolean => CONTROLLERS[kind].some((controller) => freeSlot(drives, kind, controller) !== null);
  const change = (drive: Drive, fields: Partial<Drive>): void => save(drives.map((d) => (d.id === drive.id ? { ...d, ...fields } : d)));
  const setMedium = (drive: Drive, path: string): void => {
    if (drive.kind === "disk") change(drive, { path });
    else void insertMedium(services, machine, drive, path);
  };
  const remove = (drive: Drive): void => {
    save(drives.filter((d) => d.id !== drive.id));
    addNotice(services.notices, {
      level: "info",
      title: t("drive.removed", { name: drive.id }),
      action: { label: t("common.undo"), run: () => save([...drives]) },
    });
  };
  return (
    <Panel
      title={t("drive.title")}
      width="full"
      aside={
        <span className="rf-panel-tools">
          <PendingMark machine={machine} part="drives" />
          <Menu position="bottom-end">
            <Menu.Target>
              <Button
                size="compact-xs"
                leftSection={<Plus size={13} aria-hidden="true" />}
                rightSection={<ChevronDown size={13} aria-hidden="true" />}
                data-testid="add-drive"
              >
                {t("drive.add")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item disabled={!hasRoom("disk")} onClick={() => setDialog({ kind: "newDisk" })} data-testid="add-new-disk">
                {t("drive.addNewDisk")}
              </Menu.Item>
              <Menu.Item disabled={!hasRoom("disk")} onClick={() => setDialog({ kind: "oldDisk" })}>
                {t("drive.addOldDisk")}
              </Menu.Item>
              <Menu.Item disabled={!hasRoom("cd")} onClick={() => save(withDrive(drives, "cd", null))} data-testid="add-cd">
                {t("drive.cd")}
              </Menu.Item>
              <Menu.Item disabled={!hasRoom("floppy")} onClick={() => save(withDrive(drives, "floppy", null))} data-testid="add-floppy">
                {t("drive.floppy")}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </span>
      }
    >
      {drives.length === 0 ? (
        <p className="rf-dim">{t("drive.none")}</p>
      ) : (
        <ul className="rf-drives">
          {drives.map((drive) => (
            <DriveRow
              key={drive.id}
              drive={drive}
              drives={drives}
              onMove={(controller) => save(moveDrive(drives, drive.id, controller))}
              onChange={(fields) => change(drive, fields)}
              onMedium={() => setDialog({ kind: "medium", drive })}
              onEject={() => void ejectMedium(services, machine, drive)}
              onRemove={() => remove(drive)}
            />
          ))}
        </ul>
      )}
      {dialog?.kind === "newDisk" && <NewDiskDialog machine={machine} drives={drives} onDone={() => setDialog(null)} />}
      {(dialog?.kind === "oldDisk" || dialog?.kind === "medium") && (
        <BrowseDialog
          start={dialog.kind === "medium" ? (dialog.drive.path ?? "") : ""}
          onClose={() => setDialog(null)}
          onChoose={(path) => {
            setDialog(null);
            if (dialog.kind === "medium") setMedium(dialog.drive, path);
            else save(withDrive(drives, "disk", path));
          }}
        />
      )}
    </Panel>
  );
}

interface RowProps {
  drive: Drive;
  drives: readonly Drive[];
  onMove: (controller: Drive["controller"]) => void;
  onChange: (fields: Partial<Drive>) => void;
  onMedium: () => void;
  onEject: () => void;
  onRemove: () => void;
}

function DriveRow({ drive, drives, onMove, onChange, onMedium, onEject, onRemove }: RowProps) {
  const { t } = useTranslation();
  const { id, kind, controller, path } = drive;
  const Icon = DRIVE_ICONS[kind];
  const choices = CONTROLLERS[kind];
  return (
    <li className="rf-drive" data-testid={`drive-${id}`}>
      <Icon size={20} aria-hidden="true" />
      <div className="rf-drive-name">
        <strong>{t(`drive.${kind}`)}</strong> <span className="rf-dim">{id}</span>
        <span className={path === null ? "rf-dim" : "rf-mono"} title={path ?? ""}>
          {path === null ? t("tray.empty") : fileName(path)}
        </span>
      </div>
      <Select
        aria-label={t("drive.controllerOf", { name: id })}
        data={choices.map((value) => ({
          value,
          label: t(`controller.${value}`),
          disabled: value !== controller && freeSlot(drives, kind, value) === null,
        }))}
        value={controller}
        disabled={choices.length === 1}
        onChange={(value) => {
          const wanted = choices.find((c) => c === value);
          if (wanted !== undefined && wanted !== controller) onMove(wanted);
        }}
      />
      <div className="rf-drive-switches">
        {kind !== "cd" && (
          <Switch
            size="xs"
            label={t("drive.readOnly")}
            checked={drive.readOnly}
            onChange={(event) => onChange({ readOnly: event.currentTarget.checked })}
          />
        )}
        {kind !== "cd" && (
          <Tooltip label={t("drive.throwAwayHint")}>
            <Switch
              size="xs"
              label={t("drive.throwAway")}
              checked={drive.throwAway}
              onChange={(event) => onChange({ throwAway: event.currentTarget.checked })}
            />
          </Tooltip>
        )}
      </div>
      <span className="rf-drive-buttons">
        <Tool label={t("drive.change", { name: id })} onClick={onMedium}>
          <FolderOpen size={15} aria-hidden="true" />
        </Tool>
        {kind !== "disk" && (
          <Tool label={t("drive.eject", { name: id })} onClick={onEject} disabled={path === null}>
            <EjectIcon size={15} aria-hidden="true" />
          </Tool>
        )}
        <Tool label={t("drive.remove", { name: id })} onClick={onRemove}>
          <Trash2 size={15} aria-hidden="true" />
        </Tool>
      </span>
    </li>
  );
}

function Tool({ label, onClick, disabled = false, children }: { label: string; onClick: () => void; disabled?: boolean; children: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} onClick={onClick} disabled={disabled}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
