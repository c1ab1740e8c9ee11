// The guest's screen with its keyboard and mouse. Keys go to the guest only while the screen has the focus, which shows as a
// ring and a line that names the way out.
import { Button, Kbd } from "@mantine/core";
import { Pause, Play, Power } from "lucide-react";
import type { ReactNode, Ref } from "react";
import { useEffect, useImperativeHandle, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { InputEvent, ScreenText, VmRecord } from "../../../core/api/vm-state.ts";
import { requestPower, sendKeys } from "../../app/actions.ts";
import { usePreference, useServices } from "../../app/services.ts";
import type { ConsoleChannel } from "../../console/console-channel.ts";
import { hostKeyName } from "../../console/host-key.ts";
import { InputSender } from "../../console/input-sender.ts";
import { KeyboardCapture } from "../../console/keyboard-capture.ts";
import { PointerCapture } from "../../console/pointer-capture.ts";
import { ScreenView } from "../../console/screen-view.ts";
import { TabletPointer } from "../../console/tablet-pointer.ts";
import { followText } from "../../console/text-feed.ts";
import { machineName } from "../../state/machines.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import { isOn } from "../../state/power.ts";
import { ScreenSpeaker, TextOverlay } from "./TextOverlay.tsx";
import { usePointer } from "./use-pointer.ts";

/** The part of the page's selection that lies in the element. */
function selectedIn(element: HTMLElement | null): string {
  const selection = getSelection();
  if (selection === null || selection.isCollapsed || element === null || !element.contains(selection.anchorNode)) return "";
  return selection.toString();
}

export interface ScreenHandle {
  captureMouse(): void;
  picture(): Promise<Blob | null>;
  /** What is selected on a text screen, or all of it; empty in a graphics mode. */
  text(): string;
  send(events: InputEvent[]): void;
}

interface Props {
  machine: VmRecord;
  channel: ConsoleChannel | null;
  hidden: boolean;
  onLeave: () => void;
  onFullScreen: () => void;
  onCopy: () => void;
  onType: () => void;
  /** The drives, for the line below the screen. */
  tray: ReactNode;
  ref: Ref<ScreenHandle>;
}

export function ScreenPane({ machine, channel, hidden, onLeave, onFullScreen, onCopy, onType, tray, ref }: Props) {
  const { t } = useTranslation();
  const services = useServices();
  const { bridge, notices, isMac } = services;
  const hostKey = usePreference("hostKey");
  const scale = usePreference("screenScale");
  const surface = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<ScreenView | null>(null);
  const [size, setSize] = useState<{ width: number; height: number } | null>(null);
  const [focused, setFocused] = useState(false);
  const [mouseHeld, setMouseHeld] = useState(false);
  const { id, status } = machine;
  const name = machineName(machine);
  const on = isOn(status);
  const key = hostKeyName(hostKey, isMac);

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; the effect below follows the scale.
  useEffect(() => {
    if (canvas.current === null || surface.current === null) return;
    const element = surface.current;
    const made = new ScreenView(canvas.current, (width, height) => setSize({ width, height }));
    view.current = made;
    made.setScale(scale);
    const observer = new ResizeObserver(
      ([entry]) => entry !== undefined && made.setRoom(entry.contentRect.width, entry.contentRect.height),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      view.current = null;
    };
  }, []);
  useEffect(() => view.current?.setScale(scale), [scale]);
  useEffect(() => channel?.onFrame((frame) => view.current?.apply(frame)), [channel]);

  const [text, setText] = useState<ScreenText | null>(null);
  useEffect(() => {
    if (hidden) return;
    setText(null);
    return followText(bridge, id, setText);
  }, [bridge, id, hidden]);
  const absolute = machine.pointer === "absolute" && status === "running";

  const live = useRef({ running: false, machine, onLeave, onFullScreen, onCopy, onType });
  live.current = { running: status === "running", machine, onLeave, onFullScreen, onCopy, onType };
  const releaseMouse = (): void => {
    if (document.pointerLockElement === surface.current) document.exitPointerLock();
  };
  const captureMouse = (): void => {
    const element = surface.current;
    if (element === null || !live.current.running) return;
    element.focus();
    // Older browsers return nothing instead of a promise.
    Promise.resolve(element.requestPointerLock()).catch((error: unknown) =>
      addNotice(notices, { level: "warning", title: t("console.mouseFailed"), message: String(error) }),
    );
  };
  const [input] = useState(() => {
    const sender = new InputSender(
      (events) => bridge.call("vm.input", { id, events }),
      (error) => addNotice(notices, errorNotice(t("console.inputFailed", { name }), error)),
    );
    const pointer = new PointerCapture({ pointer: (motion) => live.current.running && sender.push({ kind: "pointer", ...motion }) });
    const tablet = new TabletPointer({ tablet: (place) => live.current.running && sender.push({ kind: "tablet", ...place }) });
    const keyboard = new KeyboardCapture(
      {
        key: (code, down) => {
          pointer.flush();
          tablet.flush();
          if (live.current.running) sender.push({ kind: "key", code, down });
        },
        release: () => {
          releaseMouse();
          live.current.onLeave();
        },
        shortcut: (code) => {
          if (code === "Delete") void sendKeys(services, live.current.machine, ["ControlLeft", "AltLeft", "Delete"]);
          if (code === "KeyF") live.current.onFullScreen();
          if (code === "KeyM") captureMouse();
          if (code === "KeyC") live.current.onCopy();
          if (code === "KeyV") live.current.onType();
        },
      },
      hostKey,
    );
    return { sender, pointer, tablet, keyboard };
  });
  useEffect(() => input.keyboard.setHostKey(hostKey), [input, hostKey]);
  useEffect(() => () => input.keyboard.releaseAll(), [input]);
  const [elements] = useState({ surface, picture: canvas });
  usePointer(elements, input.pointer, input.tablet, absolute, setMouseHeld);
  useImperativeHandle(ref, () => ({
    captureMouse,
    picture: () => view.current?.toPng() ?? Promise.resolve(null),
    text: () => selectedIn(surface.current) || (text?.lines.join("\n").trimEnd() ?? ""),
    send: (events) => {
      for (const event of events) input.sender.push(event);
    },
  }));

  return (
    <section className="rf-screen" hidden={hidden} aria-label={t("console.screen")}>
      <div
        ref={surface}
        className="rf-screen-surface"
        role="application"
        aria-label={t("console.screenLabel", { name, key })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes the keyboard itself.
        tabIndex={0}
        data-testid="screen"
        data-captured={focused}
        data-width={size?.width}
        data-height={size?.height}
        onKeyDown={(event) => input.keyboard.keyDown(event.nativeEvent)}
        onKeyUp={(event) => input.keyboard.keyUp(event.nativeEvent)}
        onFocus={() => setFocused(true)}
        onBlur={() => {
          setFocused(false);
          input.keyboard.releaseAll();
          releaseMouse();
        }}
        data-pointer={absolute ? "absolute" : "relative"}
        onMouseDown={(event) => {
          // The guest's own click must not select text as well.
          if (absolute && !event.shiftKey) event.preventDefault();
          surface.current?.focus();
        }}
        onContextMenu={(event) => {
          if (selectedIn(surface.current) === "") event.preventDefault();
        }}
      >
        <div className="rf-screen-picture">
          <canvas ref={canvas} data-dim={!on || status === "paused"} data-testid="screen-canvas" />
          {on && text !== null && <TextOverlay screen={text} selectable={!mouseHeld} />}
        </div>
        {!on && (
          <div className="rf-screen-note">
            <Power size={28} aria-hidden="true" />
            <strong>{t("console.noScreen")}</strong>
            <span>{t("console.noScreenText")}</span>
            <Button
              variant="filled"
              tabIndex={-1}
              leftSection={<Play size={14} aria-hidden="true" />}
              onClick={() => requestPower(services, machine, "start")}
            >
              {t("power.start")}
            </Button>
          </div>
        )}
        {on && size === null && (
          <div className="rf-screen-note">
            <span>{t("console.waiting")}</span>
          </div>
        )}
        {status === "paused" && (
          <div className="rf-screen-note">
            <Pause size={28} aria-hidden="true" />
            <strong>{t("console.paused")}</strong>
            <Button
              variant="filled"
              tabIndex={-1}
              leftSection={<Play size={14} aria-hidden="true" />}
              onClick={() => requestPower(services, machine, "resume")}
            >
              {t("power.resume")}
            </Button>
          </div>
        )}
      </div>
      <div className="rf-screen-foot" data-captured={focused && on} role="status">
        {focused && on ? (
          <span data-testid="capture-hint">
            <strong>{t(mouseHeld ? "console.mouseCaptured" : "console.captured")}</strong> · <Kbd size="xs">{key}</Kbd> {t("console.leave")}
            {mouseHeld && <> · {t("console.mouseLeave")}</>}
          </span>
        ) : (
          <span className="rf-screen-hint">{on ? t("console.clickToType") : ""}</span>
        )}
        {tray}
        {size !== null && <span className="rf-mono">{t("console.size", size)}</span>}
      </div>
      <ScreenSpeaker screen={text} />
    </section>
  );
}
