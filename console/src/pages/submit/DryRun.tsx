import { msg } from "@lingui/core/macro";
import type { MessageDescriptor } from "@lingui/core";
import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { api, bodyOf, type Schemas } from "../../api/client";
import { safeText } from "../../ui/Copy";
import { Badge, Panel, type Tone } from "../../ui/Panel";
import css from "./submit.module.css";

type Input = Schemas["TaskInput"];

const ANSWERS: Record<string, [MessageDescriptor, Tone]> = {
  accept: [msg`would accept`, "good"],
  ask: [msg`would ask a person`, "warn"],
  refuse: [msg`would refuse`, "bad"],
  unknown: [msg`unknown`, "none"],
};

export function useDryRun() {
  return useMutation({
    mutationFn: async (body: Input) => ({ body: JSON.stringify(body), check: await bodyOf(api.POST("/api/v2/check", { body })) }),
  });
}

/** What each party would do with its part of the task. */
export function DryRun({ run, current }: { run: ReturnType<typeof useDryRun>; current: Input | undefined }) {
  const { t } = useLingui();
  if (run.data === undefined && !run.isPending) return null;
  const isOld = run.data !== undefined && run.data.body !== JSON.stringify(current);
  return (
    <Panel title={<Trans>What the parties would do</Trans>}>
      <div aria-live="polite" className={css.answers}>
        {run.isPending && <Trans>The agents of the parties are asked…</Trans>}
        {!run.isPending && isOld && (
          <p className={css.old}>
            <Trans>The task has changed since: check again.</Trans>
          </p>
        )}
        {run.data && !run.isPending && (
          <ul className={css.list}>
            {run.data.check.members.map(({ party, role, answer, reason, message }) => {
              const known = ANSWERS[answer];
              const why = reason?.message ?? message;
              return (
                <li key={party} className={css.answer}>
                  <span className={css.party}>
                    <strong>{party}</strong> <span className={css.role}>{role}</span>
                  </span>
                  <Badge tone={known?.[1] ?? "none"}>{known ? t(known[0]) : answer}</Badge>
                  {why && <span className={css.why}>{safeText(why)}</span>}
                </li>
              );
            })}
          </ul>
        )}
      </div>
    </Panel>
  );
}
