// The last thing that is shown of what is selected: a button that takes it out of the drawing.
import { Button } from "@mantine/core";
import { Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import type { Edited } from "./edits.ts";
import { useNetworkUi } from "./network-ui.ts";

/** `done` is what undo calls it; `next` is selected instead, or nothing. */
export function RemoveButton({ done, remove, next = null, children }: { done: string; remove: () => Edited; next?: string | null; children: ReactNode }) {
  const { edit, select } = useNetworkUi();
  return (
    <Button
      leftSection={<Trash2 size={13} aria-hidden="true" />}
      onClick={() => {
        select(next);
        edit(done, remove());
      }}
    >
      {children}
    </Button>
  );
}
