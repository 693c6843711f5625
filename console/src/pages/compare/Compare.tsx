import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, ApiError, bodyOf } from "../../api/client";
import { keys } from "../../api/queries";
import type { Search } from "../../app/search";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Note, Page, Panel } from "../../ui/Panel";
import { Loaded } from "../../ui/Problem";
import { usePageTitle } from "../../ui/usePageTitle";
import { ComparedCurves } from "./ComparedCurves";
import { RunPicker } from "./RunPicker";
import { SideBySide } from "./SideBySide";

/** Runs that one comparison can have. */
export const RUNS_MAX = 10;

/** Runs side by side: what differs, the result, the curves. The runs are in the URL (`?run=ID,ID`). */
export default function Compare() {
  const { t } = useLingui();
  usePageTitle(t`Compare runs`);
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const ids = [...new Set((search.run ?? "").split(",").filter(Boolean))].slice(0, RUNS_MAX);
  const query = useQuery({
    queryKey: [...keys.runLists, "compare", ...ids],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/runs/compare", { params: { query: { run: ids } }, signal, querySerializer: { array: { style: "form", explode: true } } })),
    enabled: ids.length >= 2,
    placeholderData: keepPreviousData,
  });
  const set = (next: string[]) => void navigate({ to: ".", search: ((former: Record<string, unknown>) => ({ ...former, run: next.join(",") || undefined })) as never });
  const add = (id: string) => set([...ids, id]);
  const fullReason = ids.length >= RUNS_MAX ? t`At most ${RUNS_MAX} runs can be compared.` : undefined;
  const isGone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <Page
      title={<Trans>Compare runs</Trans>}
      actions={
        ids.length >= 2 && (
          <>
            <Button onClick={() => set([])}>
              <Trans>Start over</Trans>
            </Button>
            <Button kind="primary" disabledReason={fullReason} onClick={() => setOpen(true)}>
              <Trans>Add a run</Trans>
            </Button>
          </>
        )
      }
    >
      {ids.length < 2 ? (
        <Panel title={ids.length === 0 ? <Trans>Choose the first run</Trans> : <Trans>Choose the second run</Trans>} actions={ids.length > 0 && <Button small onClick={() => set([])}><Trans>Start over</Trans></Button>}>
          <RunPicker chosen={ids} onAdd={add} />
        </Panel>
      ) : (
        <Loaded query={query}>
          {(comparison) => (
            <>
              {comparison.more_metrics && (
                <Note tone="warn">
                  <Trans>A run has more metrics than the comparison shows.</Trans>
                </Note>
              )}
              <SideBySide comparison={comparison} onRemove={(id) => set(ids.filter((_, index) => comparison.runs[index]?.id !== id))} />
              <ComparedCurves runs={comparison.runs} />
            </>
          )}
        </Loaded>
      )}
      {isGone && (
        <div>
          <Button onClick={() => set([])}>
            <Trans>Choose other runs</Trans>
          </Button>
        </div>
      )}
      <Dialog open={isOpen} onClose={() => setOpen(false)} title={<Trans>Add a run</Trans>} wide>
        {isOpen && (
          <RunPicker
            chosen={query.data?.runs.map((run) => run.id) ?? ids}
            onAdd={(id) => {
              add(id);
              setOpen(false);
            }}
          />
        )}
      </Dialog>
    </Page>
  );
}
