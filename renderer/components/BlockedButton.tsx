// A button that, when it cannot be used now, stays reachable and says why: with `disabled` neither the keyboard nor a
// tooltip would reach it.
import type { ButtonProps } from "@mantine/core";
import { Button, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";

interface Props extends ButtonProps {
  /** Why not; null when it may be pressed. */
  why: string | null;
  hint: string;
  onPress: () => void;
  children: ReactNode;
  testId?: string;
}

export function BlockedButton({ why, hint, onPress, children, testId, ...rest }: Props) {
  return (
    <Tooltip label={why ?? hint}>
      <Button
        {...rest}
        {...(why === null ? {} : { "data-disabled": true, "aria-disabled": true })}
        {...(testId === undefined ? {} : { "data-testid": testId })}
        onClick={() => {
          if (why === null) onPress();
        }}
      >
        {children}
      </Button>
    </Tooltip>
  );
}
