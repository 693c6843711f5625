import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { api, bodyOf } from "../../api/client";
import { keys } from "../../api/queries";
import { useProject } from "../../app/session";
import { buttonClass } from "../../ui/Button";
import { safeText } from "../../ui/Copy";
import { Empty, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { Table } from "../../ui/Table";
import { bytes, Time } from "../../ui/Time";
import { memberUrl, type Run, type Task } from "./data";
import { chosenMember, PartyTabs } from "./PartyTabs";
import css from "./task.module.css";

/** The files that a member left and its party releases. */
export function Outputs({ task, run, party }: { task: Task; run: Run; party: string | undefined }) {
  const { t } = useLingui();
  const project = useProject();
  const member = chosenMember(run, party);
  const name = member?.party ?? "";
  const query = useQuery({
    queryKey: [...keys.task(task.id), "outputs", run.number, name],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/tasks/{task}/runs/{run}/members/{party}/outputs", { params: { path: { task: task.id, run: String(run.number), party: name } }, signal })),
    enabled: member !== undefined,
  });
  if (!member) return <Empty title={<Trans>This run has no members.</Trans>} />;
  return (
    <div className={css.view}>
      <PartyTabs run={run} current={name} />
      <Panel padded={false}>
        <Loaded query={query}>
          {({ outputs, left_out: leftOut }) =>
            outputs.length === 0 ? (
              <Empty title={<Trans>The workload of {name} left no outputs.</Trans>}>
                <Trans>Outputs are the files that it writes into FED_OUTPUT_DIR.</Trans>
              </Empty>
            ) : (
              <>
                <Table
                  label={t`Outputs of ${name}`}
                  rows={outputs}
                  rowKey={(row) => row.path}
                  columns={[
                    { key: "path", title: t`Path`, cell: (row) => <code>{safeText(row.path)}</code> },
                    { key: "size", title: t`Size`, number: true, cell: (row) => <span title={t`${row.size} bytes`}>{bytes(row.size)}</span> },
                    { key: "time", title: t`Changed`, cell: (row) => <Time at={row.modified_at} /> },
                    { key: "sha", title: t`SHA-256`, cell: (row) => (row.sha256 ? <code title={row.sha256}>{row.sha256.slice(0, 12)}…</code> : <Trans>being computed</Trans>) },
                    {
                      key: "get",
                      number: true,
                      title: <span className="visually-hidden">{t`Actions`}</span>,
                      cell: (row) => (
                        <a className={buttonClass({ small: true })} href={memberUrl(task.id, run.number, name, `outputs/${encodeURIComponent(row.path)}`, project)} download={row.path.split("/").at(-1)} aria-label={t`Download ${safeText(row.path)}`}>
                          <Trans>Download</Trans>
                        </a>
                      ),
                    },
                  ]}
                />
                {leftOut > 0 && (
                  <p className={css.foot}>
                    <Plural value={leftOut} one="# other entry is not listed" other="# other entries are not listed" />
                  </p>
                )}
              </>
            )
          }
        </Loaded>
      </Panel>
    </div>
  );
}
