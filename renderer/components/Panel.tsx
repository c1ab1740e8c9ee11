// A titled box, and the name-value rows inside one.
import type { ReactNode } from "react";
import { useId } from "react";

export function Panel({
  title,
  aside,
  width = "half",
  children,
}: {
  title: string;
  aside?: ReactNode;
  width?: "half" | "wide" | "narrow" | "full";
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={`rf-panel rf-panel-${width}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="rf-facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
