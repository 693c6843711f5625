import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { Copy, safeText } from "../../ui/Copy";
import { Badge, Empty, Facts, Panel } from "../../ui/Panel";
import { Table } from "../../ui/Table";
import { duration, Time } from "../../ui/Time";
import type { Run, Task } from "./data";
import css from "./task.module.css";

/** What the run was started with, or what the next one will be started with. */
export function Inputs({ task, run }: { task: Task; run: Run | undefined }) {
  const { t } = useLingui();
  const inputs = run?.inputs ?? undefined;
  const parameters = Object.entries(inputs?.parameters ?? task.parameters).toSorted(([a], [b]) => a.localeCompare(b));
  const rules = run?.rules ?? task.rules;
  const template = safeText(inputs?.template_name ?? t`Template of the task`);
  const revision = inputs?.revision ?? task.revision;
  return (
    <div className={css.columns}>
      <Panel title={run ? <Trans>Inputs of run {run.number}</Trans> : <Trans>Inputs of the next run</Trans>}>
        <Facts
          items={[
            [
              t`Template`,
              <Link key="template" to="/templates/$template" params={{ template: inputs?.template ?? task.template }} search={{ revision: String(revision) } as never}>
                <Trans>
                  {template}, revision {revision}
                </Trans>
              </Link>,
            ],
            [t`Epochs`, inputs?.epochs ?? task.epochs],
            ...(run ? ([[t`Started by`, run.started_by ? safeText(run.started_by) : "–"]] as [string, string][]) : []),
            ...(run?.retry_of ? ([[t`Retry of`, <code key="retry">{run.retry_of}</code>]] as [string, React.ReactNode][]) : []),
            ...task.members.map((member): [React.ReactNode, React.ReactNode] => [
              <span key={member.party}>
                <Trans>Dataset of {member.party}</Trans>
              </span>,
              safeText(inputs?.datasets[member.party] ?? member.dataset ?? "–"),
            ]),
          ]}
        />
      </Panel>
      <Panel title={<Trans>Parameters</Trans>} padded={false}>
        {parameters.length === 0 ? (
          <Empty title={<Trans>The template declares no parameters.</Trans>} />
        ) : (
          <Table
            label={t`Parameters`}
            rows={parameters}
            rowKey={([name]) => name}
            columns={[
              { key: "name", title: t`Name`, cell: ([name]) => <code>{safeText(name)}</code> },
              { key: "value", title: t`Value`, cell: ([, value]) => <code>{safeText(value)}</code> },
              ...(run && Object.keys(task.parameters).length > 0 ? [{ key: "task", title: t`In the task today`, cell: ([name, value]: [string, string]) => (task.parameters[name] === undefined ? <span className={css.sub}>–</span> : task.parameters[name] === value ? <Trans>the same</Trans> : <code>{safeText(task.parameters[name])}</code>) }] : []),
            ]}
          />
        )}
      </Panel>
      <Panel title={<Trans>Rules</Trans>}>
        <Facts
          items={[
            [t`Retries`, rules.retries],
            [t`Trainers that must be ready`, rules.minimum_parties ?? t`all`],
            [t`Longest time in the queue`, duration(rules.queue_deadline_s)],
            [t`Longest start`, duration(rules.start_deadline_s)],
            [t`Longest time without progress`, duration(rules.no_progress_s)],
            [t`Longest absence of a party`, duration(rules.give_up_after_s)],
          ]}
        />
      </Panel>
      <Panel title={<Trans>Task</Trans>}>
        <Facts
          items={[
            [
              t`Id`,
              <span key="id" className={css.copy}>
                <code>{task.id}</code> <Copy text={task.id} />
              </span>,
            ],
            ...(run
              ? ([
                  [
                    t`Id of the run`,
                    <span key="run" className={css.copy}>
                      <code>{run.id}</code> <Copy text={run.id} />
                    </span>,
                  ],
                ] as [string, React.ReactNode][])
              : []),
            [t`Remark`, task.remark ? safeText(task.remark) : "–"],
            [t`Created by`, task.created_by ? safeText(task.created_by) : "–"],
            [t`Created`, <Time key="created" at={task.created_at} />],
            [t`Last edited`, <Time key="modified" at={task.modified_at} />],
            [t`Labels`, Object.keys(task.labels ?? {}).length === 0 ? "–" : Object.entries(task.labels ?? {}).map(([name, value]) => <Badge key={name}>{safeText(`${name}=${value}`)}</Badge>)],
          ]}
        />
      </Panel>
    </div>
  );
}
