// Last resort: an error while drawing shows what happened and offers to start the window anew.
import { Button, Code } from "@mantine/core";
import i18next from "i18next";
import type { ReactNode } from "react";
import { Component } from "react";

export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main className="rf-crash" role="alert">
        <h1>{i18next.t("crash.title")}</h1>
        <p>{i18next.t("crash.text")}</p>
        <Code block>{error.stack ?? error.message}</Code>
        <Button variant="filled" onClick={() => location.reload()}>
          {i18next.t("crash.reload")}
        </Button>
      </main>
    );
  }
}
