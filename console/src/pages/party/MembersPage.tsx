import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { Empty, Page, Panel } from "../../ui/Panel";
import { Pager } from "../../ui/Pager";
import { Loaded } from "../../ui/Problem";
import { usePageTitle } from "../../ui/usePageTitle";
import { membersQuery, partyQuery } from "./data";
import { MemberTable } from "./MemberTable";
import { Summary } from "./Summary";
import { WaitingMembers } from "./Waiting";

/** The members of the party: those that wait for an approval first. */
export function MembersPage() {
  const { t } = useLingui();
  usePageTitle(t`Members`);
  const { cursor } = useSearch({ strict: false }) as { cursor?: string };
  const members = useQuery(membersQuery(cursor));
  const { data: party } = useQuery(partyQuery);
  return (
    <Page title={<Trans>Members</Trans>} intro={<Trans>What the hub runs at this party, and what it has run.</Trans>}>
      {party && <Summary view={party} />}
      <Loaded query={members}>
        {({ items, next }) => (
          <>
            <WaitingMembers members={items.filter((member) => member.waits_for_approval)} total={next || cursor ? party?.state.members.waiting_approval : undefined} />
            <Panel padded={false}>
              {items.length === 0 ? (
                <Empty title={<Trans>This party has no members</Trans>}>
                  <p>
                    <Trans>A member appears here when a run of the hub includes this party. Check under “Party” that its images and datasets are those that tasks use.</Trans>
                  </p>
                </Empty>
              ) : (
                <MemberTable members={items} />
              )}
              <Pager next={next} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}
