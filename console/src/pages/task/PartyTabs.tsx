import { useLingui } from "@lingui/react/macro";
import { Tabs } from "../../ui/Tabs";
import type { Member, Run } from "./data";

/** The member that a view shows: the one of the URL, else one that failed, else the first trainer. */
export function chosenMember(run: Run, party: string | undefined): Member | undefined {
  return run.members.find((member) => member.party === party) ?? run.members.find((member) => member.phase === "failed") ?? run.members.find((member) => member.role === "trainer") ?? run.members[0];
}

export function PartyTabs({ run, current }: { run: Run; current: string }) {
  const { t } = useLingui();
  return <Tabs label={t`Parties`} param="party" current={current} tabs={run.members.map(({ party }) => ({ key: party, title: party }))} />;
}
