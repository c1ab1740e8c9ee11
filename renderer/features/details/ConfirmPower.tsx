// Asks before an action that the guest cannot take back. Enter says yes, Escape no.
import { Button, Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { doPower } from "../../app/actions.ts";
import { useMachines, useServices, useView } from "../../app/services.ts";
import { machineName } from "../../state/machines.ts";
import { whyNot } from "../../state/power.ts";

export function ConfirmPower() {
  const { t } = useTranslation();
  const services = useServices();
  const asking = useView((state) => state.asking);
  const machine = useMachines((state) => (asking === null ? undefined : state.machines[asking.id]));
  const close = (): void => services.view.setState({ asking: null });
  const action = asking?.action;
  if (machine === undefined || (action !== "reset" && action !== "powerOff" && action !== "delete")) return null;
  // The machine may have gone on by itself while we asked.
  const reason = whyNot(action, machine.status);
  const name = machineName(machine);
  return (
    <Modal
      opened
      onClose={close}
      title={t(`power.ask.${action}.title`, { name })}
      size="sm"
      closeButtonProps={{ "aria-label": t("common.close") }}
      data-testid="confirm"
    >
      <p className="rf-modal-text">{reason === null ? t(`power.ask.${action}.text`) : t(`why.${reason}`)}</p>
      <div className="rf-modal-buttons">
        <Button onClick={close}>{t("common.cancel")}</Button>
        <Button
          data-autofocus
          variant="filled"
          color="red.9"
          disabled={reason !== null}
          data-testid="confirm-yes"
          onClick={() => {
            close();
            void doPower(services, machine, action);
          }}
        >
          {t(`power.${action}`)}
        </Button>
      </div>
    </Modal>
  );
}
