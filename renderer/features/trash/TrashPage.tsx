// Deleted machines, newest first: the way back, and the end.
import { Button, Modal, Table } from "@mantine/core";
import { ArchiveRestore, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TrashEntry } from "../../../core/api/vm-state.ts";
import { restoreMachine } from "../../app/actions.ts";
import { useMachines, useServices } from "../../app/services.ts";
import { formatDate } from "../../i18n/format.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";

export function TrashPage() {
  const { t, i18n } = useTranslation();
  const services = useServices();
  const machines = useMachines((state) => state.machines);
  const [entries, setEntries] = useState<TrashEntry[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  /** What the user is asked about: one entry, or all. */
  const [asking, setAsking] = useState<TrashEntry | "all" | null>(null);
  const known = Object.keys(machines).length;
  const round = useRef(0);
  const load = async (): Promise<void> => {
    const mine = ++round.current;
    try {
      const reply = await services.bridge.call("trash.list", {});
      if (mine !== round.current) return;
      setEntries(reply.entries.toSorted((a, b) => (a.deletedAt < b.deletedAt ? 1 : -1)));
      setFailure(null);
    } catch (error) {
      if (mine === round.current) setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a machine that comes or goes may have come from or gone to the trash.
  useEffect(() => {
    void load();
  }, [services.bridge, known]);
  const restore = async (entry: TrashEntry): Promise<void> => {
    if (await restoreMachine(services, entry.id, entry.name)) setEntries((old) => old?.filter((e) => e.id !== entry.id) ?? null);
  };
  const remove = async (what: TrashEntry | "all"): Promise<void> => {
    setAsking(null);
    try {
      if (what === "all") await services.bridge.call("trash.empty", {});
      else await services.bridge.call("trash.remove", { id: what.id });
    } catch (error) {
      addNotice(services.notices, errorNotice(t("trash.removeFailed"), error));
    }
    // Also after a failure some may be gone.
    await load();
  };
  return (
    <main id="main" className="rf-main rf-page" tabIndex={-1} aria-busy={entries === null && failure === null} data-testid="trash">
      <h1>{t("trash.title")}</h1>
      {failure !== null && (
        <p className="rf-problem" role="alert">
          {t("trash.failed")}: <span lang="en">{failure}</span>
        </p>
      )}
      {entries !== null && entries.length === 0 && (
        <div className="rf-empty rf-empty-small">
          <Trash2 size={40} aria-hidden="true" />
          <h2>{t("trash.empty")}</h2>
          <p>{t("trash.emptyText")}</p>
        </div>
      )}
      {entries !== null && entries.length > 0 && (
        <>
          <div className="rf-trash-top">
            <p className="rf-dim">{t("trash.text")}</p>
            <Button leftSection={<Trash2 size={14} aria-hidden="true" />} onClick={() => setAsking("all")} data-testid="trash-empty">
              {t("trash.emptyAll")}
            </Button>
          </div>
          <Table className="rf-table" highlightOnHover verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("trash.name")}</Table.Th>
                <Table.Th>{t("trash.deleted")}</Table.Th>
                <Table.Th>{t("trash.path")}</Table.Th>
                <Table.Th>
                  <span className="rf-visually-hidden">{t("trash.actions")}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.map((entry) => (
                <Table.Tr key={entry.id} data-testid="trash-entry">
                  <Table.Td>
                    <strong>{entry.name}</strong>
                  </Table.Td>
                  <Table.Td>{formatDate(entry.deletedAt, i18n.language)}</Table.Td>
                  <Table.Td className="rf-mono rf-dim">{entry.path}</Table.Td>
                  <Table.Td align="right">
                    <Button
                      size="compact-xs"
                      leftSection={<ArchiveRestore size={13} aria-hidden="true" />}
                      aria-label={t("trash.restoreNamed", { name: entry.name })}
                      onClick={() => void restore(entry)}
                    >
                      {t("trash.restore")}
                    </Button>{" "}
                    <Button size="compact-xs" aria-label={t("trash.removeNamed", { name: entry.name })} onClick={() => setAsking(entry)}>
                      {t("trash.remove")}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </>
      )}
      {asking !== null && (
        <Modal
          opened
          onClose={() => setAsking(null)}
          title={asking === "all" ? t("trash.askAll") : t("trash.askOne", { name: asking.name })}
          size="sm"
          closeButtonProps={{ "aria-label": t("common.close") }}
          data-testid="confirm"
        >
          <p className="rf-modal-text">{t("trash.askText")}</p>
          <div className="rf-modal-buttons">
            <Button data-autofocus onClick={() => setAsking(null)}>
              {t("common.cancel")}
            </Button>
            <Button variant="filled" color="red.9" onClick={() => void remove(asking)} data-testid="confirm-yes">
              {asking === "all" ? t("trash.emptyAll") : t("trash.remove")}
            </Button>
          </div>
        </Modal>
      )}
    </main>
  );
}
