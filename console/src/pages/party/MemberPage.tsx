import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { ApiError } from "../../api/client";
import { buttonClass } from "../../ui/Button";
import { Copy, safeText } from "../../ui/Copy";
import { Facts, Note, Page, Panel } from "../../ui/Panel";
import { PhaseBadge } from "../../ui/Phase";
import { Loaded } from "../../ui/Problem";
import { Tabs } from "../../ui/Tabs";
import { bytes, Moment } from "../../ui/Time";
import { usePageTitle } from "../../ui/usePageTitle";
import { hasEnded, memberQuery, taskName, type Details, type Member } from "./data";
import { LastLines, Metrics } from "./Ending";
import { PageLink } from "./links";
import { MemberLog } from "./MemberLog";
import { Cause, MemberProgress, RunName, When } from "./MemberTable";
import css from "./party.module.css";
import { SpecFacts } from "./SpecFacts";
import { StopButton } from "./StopButton";
import { ApprovalButtons } from "./Waiting";

/** One member: phase and reason, what it runs, its log. */
export function MemberPage() {
  const { t } = useLingui();
  const { run } = useParams({ strict: false }) as { run: string };
  const query = useQuery(memberQuery(run));
  const name = query.data ? safeText(taskName(query.data.member)) : t`Member`;
  usePageTitle(name);
  if (query.error instanceof ApiError && query.error.status === 404)
    return (
      <Page title={<Trans>There is no such member</Trans>} intro={<Trans>The agent keeps the records of ended members only for some time.</Trans>}>
        <div>
          <PageLink to="/" className={buttonClass({})}>
            <Trans>Go to the members</Trans>
          </PageLink>
        </div>
      </Page>
    );
  return <Loaded query={query}>{(details) => <Content details={details} />}</Loaded>;
}

function Content({ details }: { details: Details }) {
  const { t } = useLingui();
  const { member } = details;
  const { tab } = useSearch({ strict: false }) as { tab?: string };
  const isLog = tab === "log";
  return (
    <Page
      title={
        <span className={css.title}>
          {safeText(taskName(member))} <PhaseBadge phase={member.ending ? "stopping" : member.phase} />
        </span>
      }
      intro={
        <>
          <RunName member={member} />
          {(member.finished_at ?? member.exit) && (
            <>
              {" · "}
              <When member={member} />
            </>
          )}
        </>
      }
      actions={
        <>
          {member.waits_for_approval && <ApprovalButtons member={member} />}
          <StopButton member={member} />
        </>
      }
    >
      <Head member={member} />
      <div className={css.view}>
        <Tabs
          label={t`Views of the member`}
          current={isLog ? "log" : "facts"}
          tabs={[
            { key: "facts", title: <Trans>Details</Trans> },
            { key: "log", title: <Trans>Log</Trans> },
          ]}
        />
        {isLog ? <MemberLog member={member} /> : <Facets details={details} />}
      </div>
    </Page>
  );
}

/** Why the member is in its phase, and how far it is. */
function Head({ member }: { member: Member }) {
  if (member.phase === "succeeded") return null;
  return (
    <>
      <Cause member={member} full />
      {member.waits_for_approval && (
        <Note tone="warn">
          <Trans>The configuration asks you about this image: the member starts only after you approve it.</Trans>
        </Note>
      )}
      {member.approved && !member.started && (
        <Note tone="good">
          <Trans>Approved for one start. The member starts when the other parties are ready.</Trans>
        </Note>
      )}
      <MemberProgress member={member} />
      <LastLines member={member} />
    </>
  );
}

function Facets({ details }: { details: Details }) {
  const { member, spec, ports, disk_bytes: disk } = details;
  const { exit } = member;
  const reserved = Object.entries(ports);
  return (
    <div className={css.columns}>
      <Panel title={<Trans>Workload</Trans>}>
        <SpecFacts details={details} />
        {!spec && (
          <p className={css.gone}>{hasEnded(member) ? <Trans>The agent keeps the command and the parameters only until the hub has stored the end of the member.</Trans> : <Trans>The hub has not sent the spec of this member.</Trans>}</p>
        )}
      </Panel>
      <div className={css.column}>
        <Panel title={<Trans>State</Trans>}>
          <Facts
            items={[
              [<Trans>Phase wanted by the hub</Trans>, <PhaseBadge phase={member.desired} />],
              [<Trans>Start attempts</Trans>, member.attempt],
              ...(exit
                ? ([
                    [<Trans>Started</Trans>, <Moment at={exit.started_at} />],
                    [<Trans>Ended</Trans>, <Moment at={exit.finished_at} />],
                    [<Trans>Exit</Trans>, typeof exit.code === "number" ? <Trans>status {exit.code}</Trans> : typeof exit.signal === "number" ? <Trans>signal {exit.signal}</Trans> : "–"],
                  ] as [React.ReactNode, React.ReactNode][])
                : []),
              [<Trans>Known to the hub</Trans>, member.settled ? <Trans>The hub has stored the end</Trans> : hasEnded(member) ? <Trans>The hub has not stored the end yet</Trans> : "–"],
              [<Trans>Disk</Trans>, typeof disk === "number" ? bytes(disk) : <Trans>no files</Trans>],
              [<Trans>Ports</Trans>, reserved.length === 0 ? "–" : reserved.map(([name, port]) => `${safeText(name)} ${port}`).join(", ")],
            ]}
          />
        </Panel>
        <Metrics member={member} />
        <Panel title={<Trans>Ids</Trans>}>
          <Facts
            items={[
              [<Trans>Task</Trans>, <Id text={member.task} />],
              [<Trans>Run</Trans>, <Id text={member.run} />],
              ...(member.digest ? ([[<Trans>Digest of the spec</Trans>, <code>{member.digest}</code>]] as [React.ReactNode, React.ReactNode][]) : []),
            ]}
          />
        </Panel>
      </div>
    </div>
  );
}

function Id({ text }: { text: string }) {
  return (
    <span className={css.id}>
      <code>{text}</code> <Copy text={text} />
    </span>
  );
}
