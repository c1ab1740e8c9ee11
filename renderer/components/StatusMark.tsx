// A machine's state as shape and colour, with the word beside it where there is room. The shapes differ without colour.
import type { VmStatus } from "../../core/api/vm-state.ts";
import { useTranslation } from "react-i18next";

export function StatusShape({ status, size = 12 }: { status: VmStatus; size?: number }) {
  return (
    <svg className="rf-shape" data-status={status} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      {status === "off" && <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="2" />}
      {status === "starting" && <path d="M6 1a5 5 0 1 1-5 5h2a3 3 0 1 0 3-3z" fill="currentColor" className="rf-turning" />}
      {status === "running" && <path d="M2.5 1.2v9.6L11 6z" fill="currentColor" />}
      {status === "paused" && <path d="M2 1.5h3v9H2zM7 1.5h3v9H7z" fill="currentColor" />}
      {status === "stopping" && <path d="M1 3h10L6 10z" fill="currentColor" />}
      {status === "error" && (
        <path d="M2.6 1.2 6 4.6l3.4-3.4 1.4 1.4L7.4 6l3.4 3.4-1.4 1.4L6 7.4l-3.4 3.4-1.4-1.4L4.6 6 1.2 2.6z" fill="currentColor" />
      )}
      {status === "broken" && <path d="M6 .8 11.6 11H.4zM5.2 4.3v3.2h1.6V4.3zm0 4.2v1.4h1.6V8.5z" fill="currentColor" fillRule="evenodd" />}
    </svg>
  );
}

export function StatusMark({ status }: { status: VmStatus }) {
  const { t } = useTranslation();
  return (
    <span className="rf-status" data-status={status} data-testid="status">
      <StatusShape status={status} />
      <span>{t(`status.${status}`)}</span>
    </span>
  );
}
