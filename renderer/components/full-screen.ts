// A dialog that opens while an element fills the screen must lie in that element: the rest of the page is not shown then.

export function dialogPlace(): { portalProps?: { target: HTMLElement } } {
  const element = document.fullscreenElement;
  return element instanceof HTMLElement ? { portalProps: { target: element } } : {};
}
