// Asked when a line was drawn to a switch as a whole: which VLANs shall pass. A trunk between two switches, or a card that is a
// member of several VLANs or of one.
import { Button, Modal, Radio, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { PortVlans, TrunkConfig } from "../../../core/api/network.ts";
import { parseVlans, vlansText } from "./edits.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { vlanName, vlansOf } from "./network-doc.ts";

interface Props {
  doc: NetworkDoc;
  /** One for a card, two for a trunk between switches. Both can be chosen where the dialog was not opened by a line. */
  switches: readonly [string] | readonly [string, string];
  mayChoose?: boolean;
  onClose: () => void;
  onTrunk?: (a: string, b: string, allowed: TrunkConfig["allowed"]) => void;
  onCard?: (vlans: PortVlans) => void;
}

export function TrunkDialog({ doc, switches, mayChoose = false, onClose, onTrunk, onCard }: Props) {
  const { t } = useTranslation();
  const [ends, setEnds] = useState<readonly string[]>(switches);
  const known = [...new Set(ends.flatMap((name) => vlansOf(doc, name)))].sort((a, b) => a - b);
  const isCard = onCard !== undefined;
  const [mode, setMode] = useState<"all" | "some" | "access">(isCard ? "access" : "all");
  const [text, setText] = useState(vlansText(known));
  const [vlan, setVlan] = useState(known[0] ?? 1);
  const vlans = parseVlans(text);
  const isSame = !isCard && ends[0] === ends[1];
  const isFine = !isSame && (mode !== "some" || (vlans !== null && vlans.length > 0));
  const save = (): void => {
    const allowed = mode === "all" ? "all" : (vlans ?? []);
    if (onCard !== undefined) onCard(mode === "access" ? { mode: "access", vlan } : { mode: "trunk", allowed });
    else onTrunk?.(ends[0] ?? "", ends[1] ?? "", allowed);
    onClose();
  };
  const names = doc.topology.switches.map((s) => s.name);
  return (
    <Modal opened onClose={onClose} title={t(isCard ? "trunk.cardTitle" : "trunk.title", { a: ends[0], b: ends[1] })} closeButtonProps={{ "aria-label": t("common.close") }} data-testid="trunk-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isFine) save();
        }}
      >
        <div className="rf-fields">
          {mayChoose && (
            <div className="rf-net-row">
              <Select label={t("trunk.from")} data={names} value={ends[0] ?? null} onChange={(value) => value !== null && setEnds([value, ends[1] ?? ""])} />
              <Select label={t("trunk.to")} data={names} value={ends[1] ?? null} onChange={(value) => value !== null && setEnds([ends[0] ?? "", value])} />
            </div>
          )}
          {isSame && <p className="rf-warning">{t("net.problem.sameSwitch")}</p>}
          <Radio.Group value={mode} onChange={(value) => setMode(value === "all" || value === "some" ? value : "access")} label={t("trunk.which")} size="sm">
            <div className="rf-radios rf-net-radios">
              {isCard && <Radio size="xs" value="access" label={t("trunk.access")} data-autofocus />}
              <Radio size="xs" value="all" label={t(isCard ? "trunk.cardAll" : "trunk.all")} {...(isCard ? {} : { "data-autofocus": true })} />
              <Radio size="xs" value="some" label={t("trunk.some")} />
            </div>
          </Radio.Group>
          {mode === "access" && (
            <Select
              label={t("net.vlanField")}
              data={known.map((v) => ({ value: String(v), label: vlanName(doc, v) === "" ? String(v) : `${v} · ${vlanName(doc, v)}` }))}
              value={String(vlan)}
              onChange={(value) => setVlan(Number(value))}
            />
          )}
          {mode === "some" && (
            <TextInput label={t("net.allowed")} description={t("net.allowedHint")} value={text} error={vlans === null ? t("net.problem.vlanWrong") : null} onChange={(event) => setText(event.currentTarget.value)} data-testid="trunk-vlans" />
          )}
        </div>
        <div className="rf-modal-buttons">
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="filled" type="submit" disabled={!isFine} data-testid="trunk-make">
            {t("trunk.make")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
