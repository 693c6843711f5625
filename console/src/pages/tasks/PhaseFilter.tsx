import { Menu } from "@base-ui/react/menu";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import menu from "../../ui/dialog.module.css";
import { PhaseBadge, usePhaseName } from "../../ui/Phase";
import { listOf, PHASES, textOf, type FilterProps } from "./filters";
import css from "./tasks.module.css";

/** Any number of phases. */
export function PhaseFilter({ search, change }: FilterProps) {
  const { t } = useLingui();
  const nameOf = usePhaseName();
  const chosen = listOf(search.phase);
  const offered = [...PHASES, ...chosen.filter((phase) => !(PHASES as readonly string[]).includes(phase))];
  return (
    <Menu.Root>
      <Menu.Trigger className={`${css.control} ${css.trigger}`} data-set={chosen.length > 0 || undefined} aria-label={t`Phase`}>
        {chosen.length === 0 ? <Trans>Any phase</Trans> : chosen.length === 1 ? nameOf(chosen[0] ?? "") : <Plural value={chosen.length} one="# phase" other="# phases" />}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className={menu.positioner} sideOffset={4} align="start">
          <Menu.Popup className={menu.menu}>
            {offered.map((phase) => (
              <Menu.CheckboxItem
                key={phase}
                className={`${menu.item} ${css.phase}`}
                checked={chosen.includes(phase)}
                onCheckedChange={(checked) => change({ phase: textOf(checked ? offered.filter((each) => each === phase || chosen.includes(each)) : chosen.filter((each) => each !== phase)) })}
              >
                <span className={css.mark} aria-hidden />
                <PhaseBadge phase={phase} />
              </Menu.CheckboxItem>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
