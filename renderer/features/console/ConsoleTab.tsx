// Console of one machine: its screen, its serial port, or both, over one watch.
import { Button, Menu, SegmentedControl, Tooltip } from "@mantine/core";
import { Camera, ChevronDown, Copy, Keyboard, Maximize, Mouse, TextCursorInput } from "lucide-react";
import type { ReactNode } from "react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { copyText, sendKeys } from "../../app/actions.ts";
import { usePreference, useServices } from "../../app/services.ts";
import { BlockedButton } from "../../components/BlockedButton.tsx";
import { ConsoleChannel } from "../../console/console-channel.ts";
import { hostKeyName } from "../../console/host-key.ts";
import { machineName } from "../../state/machines.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import { CONSOLE_VIEWS, SCREEN_SCALES } from "../../state/preferences.ts";
import { isOn } from "../../state/power.ts";
import { KEY_COMBINATIONS } from "./key-combinations.ts";
import type { ScreenHandle } from "./ScreenPane.tsx";
import { MediaTray } from "./MediaTray.tsx";
import { ScreenPane } from "./ScreenPane.tsx";
import { SoftKeyboard } from "./SoftKeyboard.tsx";
import { TypeTextDialog } from "./TypeTextDialog.tsx";

// xterm is half of the interface's code and many never open a serial port.
const SerialPane = lazy(() => import("./SerialPane.tsx"));

export function ConsoleTab({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const services = useServices();
  const { bridge, notices, preferences, isMac } = services;
  const view = usePreference("consoleView");
  const scale = usePreference("screenScale");
  const hostKey = usePreference("hostKey");
  const [channel, setChannel] = useState<ConsoleChannel | null>(null);
  const [serialSeen, setSerialSeen] = useState(view !== "screen");
  const [softKeyboard, setSoftKeyboard] = useState(false);
  const [typingText, setTypingText] = useState(false);
  const screen = useRef<ScreenHandle>(null);
  const toolbar = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const { id, status } = machine;
  const name = machineName(machine);
  const on = isOn(status);
  const running = status === "running";

  // biome-ignore lint/correctness/useExhaustiveDependencies: the name and its language are only for the message.
  useEffect(() => {
    const made = new ConsoleChannel(bridge, id, (error) => addNotice(notices, errorNotice(t("console.watchFailed", { name }), error)));
    setChannel(made);
    return () => {
      made.close();
      setChannel(null);
    };
  }, [bridge, id, notices]);
  const wasOn = useRef(on);
  useEffect(() => {
    if (on && !wasOn.current) channel?.restart();
    wasOn.current = on;
  }, [on, channel]);
  useEffect(() => {
    if (view !== "screen") setSerialSeen(true);
  }, [view]);

  const copy = (): void => {
    const text = screen.current?.text() ?? "";
    if (text === "") addNotice(notices, { level: "info", title: t("console.noText") });
    else void copyText(services, text);
  };
  const leave = (): void => toolbar.current?.focus();
  const fullScreen = (): void => {
    if (document.fullscreenElement === null) void enterFullScreen(frame.current);
    else void document.exitFullscreen();
  };
  const savePicture = async (): Promise<void> => {
    const blob = await screen.current?.picture();
    if (blob === null || blob === undefined) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const whyOff = running ? null : t("why.notRunning");
  const scaleLabels = { fit: t("console.fit"), "1x": "1×", "2x": "2×" };

  return (
    <div className="rf-console" ref={frame} data-view={view}>
      <div className="rf-console-bar" role="toolbar" aria-label={t("details.console")} tabIndex={-1} ref={toolbar}>
        <SegmentedControl
          aria-label={t("console.view")}
          data={CONSOLE_VIEWS.map((value) => ({ value, label: t(`console.${value}`) }))}
          value={view}
          onChange={(value) => preferences.setState({ consoleView: CONSOLE_VIEWS.find((v) => v === value) ?? "screen" })}
          data-testid="console-view"
        />
        {view !== "serial" && (
          <>
            <SegmentedControl
              aria-label={t("console.scale")}
              data={SCREEN_SCALES.map((value) => ({ value, label: scaleLabels[value] }))}
              value={scale}
              onChange={(value) => preferences.setState({ screenScale: SCREEN_SCALES.find((s) => s === value) ?? "fit" })}
              data-testid="console-scale"
            />
            <span className="rf-bar-gap" />
            <Button.Group>
              <BlockedButton
                why={whyOff}
                hint={t("console.keys")}
                onPress={() => void sendKeys(services, machine, ["ControlLeft", "AltLeft", "Delete"])}
                testId="ctrl-alt-del"
              >
                {t("console.cad")}
              </BlockedButton>
              {/* Inside the console, so that it shows in full screen too. */}
              <Menu position="bottom-end" withinPortal={false}>
                <Menu.Target>
                  <Button px={6} aria-label={t("console.keys")} disabled={!running}>
                    <ChevronDown size={14} aria-hidden="true" />
                  </Button>
                </Menu.Target>
                <Menu.Dropdown>
                  <Menu.Label>{t("console.keys")}</Menu.Label>
                  {KEY_COMBINATIONS.map((combination) => (
                    <Menu.Item key={combination.label} onClick={() => void sendKeys(services, machine, [...combination.codes])}>
                      {combination.label}
                    </Menu.Item>
                  ))}
                  <Menu.Divider />
                  <Menu.Item onClick={() => void sendKeys(services, machine, [hostKey])}>{hostKeyName(hostKey, isMac)}</Menu.Item>
                </Menu.Dropdown>
              </Menu>
            </Button.Group>
            <BlockedButton
              why={whyOff ?? (machine.pointer === "absolute" ? t("console.mouseFollows") : null)}
              hint={t("console.mouse")}
              onPress={() => screen.current?.captureMouse()}
              leftSection={<Mouse size={14} aria-hidden="true" />}
              testId="capture-mouse"
            >
              {t("console.mouse")}
            </BlockedButton>
            <Button.Group>
              <Tool label={t("console.typeText")} disabled={!running} onClick={() => setTypingText(true)} testId="type">
                <TextCursorInput size={14} aria-hidden="true" />
              </Tool>
              <Tool label={t("console.softKeyboard")} disabled={!running} pressed={softKeyboard} onClick={() => setSoftKeyboard(!softKeyboard)} testId="soft">
                <Keyboard size={14} aria-hidden="true" />
              </Tool>
              <Tool label={t("console.copyText")} disabled={!on} onClick={copy} testId="copy-text">
                <Copy size={14} aria-hidden="true" />
              </Tool>
              <Tool label={t("console.savePicture")} onClick={() => void savePicture()} testId="save-picture">
                <Camera size={14} aria-hidden="true" />
              </Tool>
            </Button.Group>
          </>
        )}
        {view === "serial" && <span className="rf-bar-gap" />}
        <Tool label={t("console.fullScreen")} onClick={fullScreen} testId="full-screen">
          <Maximize size={14} aria-hidden="true" />
        </Tool>
      </div>
      <div className="rf-console-panes">
        <ScreenPane
          ref={screen}
          machine={machine}
          channel={channel}
          hidden={view === "serial"}
          onLeave={leave}
          onFullScreen={fullScreen}
          onCopy={copy}
          onType={() => running && setTypingText(true)}
          tray={<MediaTray machine={machine} />}
        />
        {serialSeen && channel !== null && (
          <Suspense fallback={<div className="rf-serial" />}>
            <SerialPane machine={machine} channel={channel} hidden={view === "screen"} onLeave={leave} />
          </Suspense>
        )}
      </div>
      {softKeyboard && running && view !== "serial" && (
        <SoftKeyboard send={(events) => screen.current?.send(events)} onClose={() => setSoftKeyboard(false)} />
      )}
      {typingText && <TypeTextDialog machine={machine} onClose={() => setTypingText(false)} />}
    </div>
  );
}

function Tool({
  label,
  onClick,
  disabled = false,
  pressed,
  testId,
  children,
}: {
  label: string;
  onClick: () => void;
  disabled?: boolean;
  pressed?: boolean;
  testId: string;
  children: ReactNode;
}) {
  return (
    <Tooltip label={label}>
      <Button
        px={8}
        aria-label={label}
        disabled={disabled}
        {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
        onClick={onClick}
        data-testid={testId}
      >
        {children}
      </Button>
    </Tooltip>
  );
}

/** With the keys that browsers keep for themselves (Escape must then be held to leave), where the browser can give them. */
async function enterFullScreen(element: HTMLElement | null): Promise<void> {
  const { keyboard } = navigator as Navigator & { keyboard?: { lock?(): Promise<void> } };
  try {
    await element?.requestFullscreen();
    await keyboard?.lock?.();
  } catch {
    // Refused: the console stays as it is.
  }
}
