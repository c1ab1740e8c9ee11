// A file dropped anywhere on the window begins a new machine from it, or a lab if it is one. The browser's own answer, to leave the page for the file,
// is never wanted.
import { Disc3 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useServices } from "../../app/services.ts";
import { importLab } from "../network/network-actions.ts";

export function DropTarget() {
  const { t } = useTranslation();
  const services = useServices();
  const { bridge, view } = services;
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const onOver = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent): void => {
      // Out of the window, not from one element to the next.
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file === undefined) return;
      if (file.name.toLowerCase().endsWith(".json")) {
        void importLab(services, file);
        return;
      }
      const path = bridge.pathOf(file);
      view.setState({ wizard: path === null ? { file } : { path } });
    };
    document.addEventListener("dragover", onOver);
    document.addEventListener("dragleave", onLeave);
    document.addEventListener("drop", onDrop);
    return () => {
      document.removeEventListener("dragover", onOver);
      document.removeEventListener("dragleave", onLeave);
      document.removeEventListener("drop", onDrop);
    };
  }, [bridge, view, services]);
  if (!over) return null;
  return (
    <div className="rf-drop" data-testid="drop">
      <div>
        <Disc3 size={40} aria-hidden="true" />
        <strong>{t("create.drop")}</strong>
      </div>
    </div>
  );
}
