// Feeds the guest's pointer from the page: relative while the browser's pointer lock is on the screen, or, for a guest that uses
// the tablet, the place over the picture with nothing captured.
import { useEffect } from "react";
import type { PointerCapture } from "../../console/pointer-capture.ts";
import type { TabletPointer } from "../../console/tablet-pointer.ts";

interface Elements {
  readonly surface: { readonly current: HTMLDivElement | null };
  readonly picture: { readonly current: HTMLElement | null };
}

/** `absolute`: the guest uses the tablet. With Shift held the mouse selects text there instead. */
export function usePointer(
  { surface, picture }: Elements,
  relative: PointerCapture,
  tablet: TabletPointer,
  absolute: boolean,
  setHeld: (held: boolean) => void,
): void {
  useEffect(() => {
    const element = surface.current;
    if (element === null) return;
    const locked = (): boolean => document.pointerLockElement === element;
    let frame = 0;
    const eachFrame = (): void => {
      relative.flush();
      tablet.flush();
      frame = requestAnimationFrame(eachFrame);
    };
    const start = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(eachFrame);
    };
    const stop = (): void => {
      cancelAnimationFrame(frame);
      relative.releaseAll();
      tablet.releaseAll();
    };
    const onLock = (): void => {
      setHeld(locked());
      if (locked()) start();
      else stop();
    };
    const place = (event: MouseEvent): void => {
      const box = picture.current?.getBoundingClientRect();
      if (box !== undefined && !event.shiftKey) tablet.move(event, box);
    };
    const onMove = (event: MouseEvent): void => {
      if (locked()) relative.move(event);
      else if (absolute) place(event);
    };
    const onButton = (event: MouseEvent): void => {
      if (locked()) relative.buttons(event);
      else if (absolute) place(event);
    };
    const onWheel = (event: WheelEvent): void => {
      if (!locked() && !absolute) return;
      event.preventDefault();
      (locked() ? relative : tablet).wheel(event);
    };
    const onEnter = (): void => {
      if (absolute) start();
    };
    const onLeave = (): void => {
      if (!locked()) stop();
    };
    document.addEventListener("pointerlockchange", onLock);
    element.addEventListener("mouseenter", onEnter);
    element.addEventListener("mouseleave", onLeave);
    element.addEventListener("mousemove", onMove);
    element.addEventListener("mousedown", onButton);
    element.addEventListener("mouseup", onButton);
    element.addEventListener("wheel", onWheel, { passive: false });
    if (absolute) {
      // A guest that turns to the tablet needs the mouse no longer.
      if (locked()) document.exitPointerLock();
      start();
    }
    return () => {
      document.removeEventListener("pointerlockchange", onLock);
      element.removeEventListener("mouseenter", onEnter);
      element.removeEventListener("mouseleave", onLeave);
      element.removeEventListener("mousemove", onMove);
      element.removeEventListener("mousedown", onButton);
      element.removeEventListener("mouseup", onButton);
      element.removeEventListener("wheel", onWheel);
      stop();
      if (locked()) document.exitPointerLock();
    };
  }, [surface, picture, relative, tablet, absolute, setHeld]);
}
