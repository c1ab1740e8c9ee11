// A live picture of a machine's screen, small. Asks the app for it only while the machine is on and the picture is mounted.
// A thumbnail frame is taken as a whole picture, whatever size the app made it.
import { useEffect, useRef, useState } from "react";
import { useServices } from "../../app/services.ts";
import { StatusShape } from "../../components/StatusMark.tsx";
import { ConsoleFeed } from "../../console/console-feed.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { isOn } from "../../state/power.ts";

export function Thumbnail({ machine, className }: { machine: VmRecord; className: string }) {
  const { bridge } = useServices();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [live, setLive] = useState(false);
  const { id, status } = machine;
  const on = isOn(status);
  useEffect(() => {
    setLive(false);
    if (!on) return;
    const feed = new ConsoleFeed(bridge, id, true, {
      frame: ({ width, height, pixels }) => {
        const target = canvas.current;
        if (target === null || width === 0 || height === 0) return;
        if (target.width !== width || target.height !== height) {
          target.width = width;
          target.height = height;
        }
        target.getContext("2d", { alpha: false })?.putImageData(new ImageData(pixels, width, height), 0, 0);
        setLive(true);
      },
    });
    return () => feed.close();
  }, [bridge, id, on]);
  return (
    <span className={className} data-live={live} data-status={status} aria-hidden="true">
      <canvas ref={canvas} width={160} height={100} />
      {!live && <StatusShape status={status} size={18} />}
    </span>
  );
}
