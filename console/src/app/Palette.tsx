import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { listTasks, partiesQuery, templatesQuery } from "../api/queries";
import { Dialog } from "../ui/Dialog";
import { hasRole, useMe } from "./session";
import css from "./shell.module.css";

type Entry = { key: string; label: string; kind: string; to: string };

/** Finds pages, tasks, templates and parties by name. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title={<Trans>Go to</Trans>}>
      {open && <Search onClose={onClose} />}
    </Dialog>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const id = useId();
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const entries = useEntries(text.trim());
  const current = Math.min(index, entries.length - 1);
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    void navigate({ to: entry.to });
  };
  return (
    <>
      <input
        // The dialog exists to type into it.
        // oxlint-disable-next-line no-autofocus
        autoFocus
        className={css.palette}
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={entries[current] ? `${id}-${current}` : undefined}
        aria-label={t`Name of a page, task, template or party`}
        placeholder={t`Name of a page, task, template or party`}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setIndex(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setIndex(Math.min(current + 1, entries.length - 1));
          else if (event.key === "ArrowUp") setIndex(Math.max(current - 1, 0));
          else if (event.key === "Enter") go(entries[current]);
          else return;
          event.preventDefault();
        }}
      />
      <div id={id} role="listbox" aria-label={t`Results`} className={css.results}>
        {entries.map((entry, position) => (
          // The input has the keyboard; the options are for the pointer.
          // oxlint-disable-next-line click-events-have-key-events, interactive-supports-focus
          <div key={entry.key} id={`${id}-${position}`} role="option" aria-selected={position === current} className={css.result} onClick={() => go(entry)}>
            <span>{entry.label}</span>
            <span className={css.kind}>{entry.kind}</span>
          </div>
        ))}
      </div>
      {entries.length === 0 && (
        <p>
          <Trans>Nothing has this name.</Trans>
        </p>
      )}
    </>
  );
}

function useEntries(text: string): Entry[] {
  const { t } = useLingui();
  const me = useMe();
  const tasks = useQuery({
    queryKey: ["tasks", "palette", text],
    queryFn: ({ signal }) => listTasks({ name: text, limit: 8 }, signal),
    enabled: text !== "",
    placeholderData: keepPreviousData,
  });
  const templates = useQuery(templatesQuery);
  const parties = useQuery({ ...partiesQuery, retry: false });
  const pages: Entry[] = [
    { to: "/", label: t`Overview` },
    { to: "/tasks", label: t`Tasks` },
    ...(hasRole(me, "submitter") ? [{ to: "/tasks/new", label: t`New task` }] : []),
    { to: "/runs/compare", label: t`Compare runs` },
    { to: "/templates", label: t`Templates` },
    { to: "/parties", label: t`Parties` },
    { to: "/projects", label: t`Projects` },
    ...(hasRole(me, "admin") ? [{ to: "/webhooks", label: t`Webhooks` }] : []),
    ...(me.federation_admin
      ? [
          { to: "/users", label: t`Users` },
          { to: "/audit", label: t`Audit` },
          { to: "/system", label: t`System` },
        ]
      : []),
    { to: "/tokens", label: t`API tokens` },
    { to: "/sessions", label: t`Sessions` },
  ].map((page) => ({ ...page, key: page.to, kind: t`page` }));
  const wanted = text.toLowerCase();
  const fits = (label: string) => label.toLowerCase().includes(wanted);
  return [
    ...pages.filter((page) => fits(page.label)),
    ...(text === "" ? [] : (tasks.data?.items ?? [])).map((task) => ({ key: task.id, label: task.name, kind: t`task`, to: `/tasks/${task.id}` })),
    ...(text === "" ? [] : (templates.data?.items ?? [])).filter((each) => fits(each.name)).slice(0, 8).map((each) => ({ key: each.id, label: each.name, kind: t`template`, to: `/templates/${each.id}` })),
    ...(text === "" ? [] : (parties.data?.items ?? [])).filter((each) => fits(each.name)).slice(0, 8).map((each) => ({ key: `party ${each.name}`, label: each.name, kind: t`party`, to: `/parties/${each.name}` })),
  ];
}
