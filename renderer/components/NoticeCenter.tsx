// The stack of notices in the lower corner. All but errors go by themselves, and wait while the pointer or the focus is on
// the stack.
import { Button, CloseButton } from "@mantine/core";
import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNotices, useServices } from "../app/services.ts";
import type { Notice } from "../state/notices.ts";
import { dismissNotice } from "../state/notices.ts";

const SHOWN_MS = 8000;
const ICONS = { info: Info, success: CircleCheck, warning: TriangleAlert, error: CircleAlert };

export function NoticeCenter() {
  const { t } = useTranslation();
  const notices = useNotices();
  const [held, setHeld] = useState(false);
  return (
    <section
      className="rf-notices"
      aria-label={t("notice.region")}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {notices.map((notice) => (
        <NoticeCard key={notice.id} notice={notice} held={held} />
      ))}
    </section>
  );
}

function NoticeCard({ notice, held }: { notice: Notice; held: boolean }) {
  const { t } = useTranslation();
  const { notices } = useServices();
  const { id, level, title, code, message, detail, action, count } = notice;
  const Icon = ICONS[level];
  useEffect(() => {
    if (level === "error" || held) return;
    const timer = setTimeout(() => dismissNotice(notices, id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notices, id, level, held]);
  return (
    <div className="rf-notice" data-level={level} role={level === "error" || level === "warning" ? "alert" : "status"} data-testid="notice">
      <Icon size={18} aria-hidden="true" />
      <div className="rf-notice-text">
        <strong>{title}</strong>
        {count > 1 && <span className="rf-dim"> {t("notice.count", { count })}</span>}
        {code !== undefined && <p>{t(`error.${code}`)}</p>}
        {message !== undefined && (
          <p className="rf-dim rf-mono" lang="en">
            {message}
          </p>
        )}
        {detail !== undefined && (
          <details>
            <summary>{t("notice.detail")}</summary>
            <pre lang="en">{detail}</pre>
          </details>
        )}
        {action !== undefined && (
          <Button
            size="compact-xs"
            mt={6}
            onClick={() => {
              action.run();
              dismissNotice(notices, id);
            }}
          >
            {action.label}
          </Button>
        )}
      </div>
      <CloseButton size="sm" aria-label={t("notice.dismiss", { title })} onClick={() => dismissNotice(notices, id)} />
    </div>
  );
}
