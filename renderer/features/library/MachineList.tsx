// The list at the left: one line a machine with its picture and state. Arrow keys move in it, Enter opens the console, the
// context menu has the power actions.
import { Button, CloseButton, Menu, TextInput } from "@mantine/core";
import { Plus, Search } from "lucide-react";
import type { KeyboardEvent } from "react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { requestPower } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { StatusMark } from "../../components/StatusMark.tsx";
import { machineName } from "../../state/machines.ts";
import type { PowerAction } from "../../state/power.ts";
import { whyNot } from "../../state/power.ts";
import { Thumbnail } from "./Thumbnail.tsx";

const SEARCH_FROM = 8;
const MENU_ACTIONS: readonly PowerAction[] = ["start", "pause", "resume", "reset", "shutdown", "powerOff", "delete"];

export function MachineList({ machines, shown }: { machines: VmRecord[]; shown: string }) {
  const { t } = useTranslation();
  const { view } = useServices();
  const [query, setQuery] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const wanted = query.trim().toLowerCase();
  const matching = wanted === "" ? machines : machines.filter((m) => machineName(m).toLowerCase().includes(wanted));
  // The option that Tab reaches; the shown machine may be filtered out.
  const reachable = matching.some((m) => m.id === shown) ? shown : matching[0]?.id;

  const select = (machine: VmRecord | undefined): void => {
    if (machine === undefined) return;
    view.setState({ selected: machine.id });
    list.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(machine.id)}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = matching.findIndex((m) => m.id === shown);
    const moves: Record<string, VmRecord | undefined> = {
      ArrowDown: matching[at + 1],
      ArrowUp: matching[at - 1],
      Home: matching[0],
      End: matching.at(-1),
    };
    if (event.key in moves) {
      event.preventDefault();
      select(moves[event.key]);
    } else if (event.key === "Enter") {
      view.setState({ tab: "console" });
    }
  };

  return (
    <aside className="rf-sidebar" aria-label={t("library.label")}>
      <div className="rf-sidebar-top">
        <Button
          variant="filled"
          fullWidth
          leftSection={<Plus size={15} aria-hidden="true" />}
          onClick={() => view.setState({ wizard: {} })}
          data-testid="new-machine"
        >
          {t("library.new")}
        </Button>
        {machines.length >= SEARCH_FROM && (
          <TextInput
            type="search"
            aria-label={t("library.search")}
            placeholder={t("library.search")}
            leftSection={<Search size={14} aria-hidden="true" />}
            value={query}
            onChange={(event) => setQuery(event.currentTarget.value)}
            rightSection={
              query === "" ? null : <CloseButton size="xs" aria-label={t("library.searchClear")} onClick={() => setQuery("")} />
            }
          />
        )}
      </div>
      <div className="rf-list" role="listbox" aria-label={t("library.label")} ref={list} onKeyDown={onKeyDown}>
        {matching.map((machine) => (
          <MachineItem key={machine.id} machine={machine} selected={machine.id === shown} reachable={machine.id === reachable} />
        ))}
      </div>
      {matching.length === 0 && (
        <p className="rf-list-none" role="status">
          {t("library.noMatch")}
        </p>
      )}
    </aside>
  );
}

function MachineItem({ machine, selected, reachable }: { machine: VmRecord; selected: boolean; reachable: boolean }) {
  const { t } = useTranslation();
  const services = useServices();
  const busy = useView((state) => state.busy[machine.id] !== undefined);
  const name = machineName(machine);
  return (
    <Menu>
      <Menu.ContextMenu>
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its options. */}
        <div
          className="rf-item"
          role="option"
          aria-selected={selected}
          tabIndex={reachable ? 0 : -1}
          data-id={machine.id}
          data-testid="machine"
          data-status={machine.status}
          onClick={() => services.view.setState({ selected: machine.id })}
          onDoubleClick={() => services.view.setState({ selected: machine.id, tab: "console" })}
        >
          <Thumbnail machine={machine} className="rf-thumb" />
          <div className="rf-item-text">
            <span className="rf-item-name" title={name}>
              {name}
            </span>
            <span className="rf-item-line">
              <StatusMark status={machine.status} />
              {machine.config !== null && <span className="rf-item-memory">{t("library.memory", { size: machine.config.memoryMiB })}</span>}
            </span>
          </div>
        </div>
      </Menu.ContextMenu>
      <Menu.Dropdown aria-label={t("library.menu", { name })}>
        {machine.config !== null && (
          <>
            <Menu.Item onClick={() => services.view.setState({ selected: machine.id, tab: "console" })}>
              {t("library.openConsole")}
            </Menu.Item>
            <Menu.Divider />
          </>
        )}
        {MENU_ACTIONS.map((action) => {
          const why = whyNot(action, machine.status, busy);
          if (why !== null) return null;
          return (
            <Menu.Item
              key={action}
              {...(action === "delete" ? { color: "red" } : {})}
              onClick={() => requestPower(services, machine, action)}
            >
              {t(`power.${action}`)}
            </Menu.Item>
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
