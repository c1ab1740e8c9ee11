// The application menu: only roles, which Electron translates and knows on each system; everything about machines is in the page.
// A key whose default the page prevents never reaches the menu, so a captured console keeps all of them for its guest.
import type * as Electron from "electron";

export function makeMenu({ app, Menu }: Pick<typeof Electron, "app" | "Menu">, platform: NodeJS.Platform = process.platform): Electron.Menu {
  const template: Electron.MenuItemConstructorOptions[] = [
    platform === "darwin" ? { role: "appMenu" } : { label: "&File", submenu: [{ role: "quit" }] },
    { role: "editMenu" },
    {
      label: "&View",
      submenu: [
        { role: "resetZoom" }, { role: "zoomIn" }, { role: "zoomOut" }, { type: "separator" }, { role: "togglefullscreen" },
        ...(app.isPackaged ? [] : [{ type: "separator" as const }, { role: "reload" as const }, { role: "toggleDevTools" as const }]),
      ],
    },
    { role: "windowMenu" },
  ];
  return Menu.buildFromTemplate(template);
}
