import { Autocomplete } from "@base-ui/react/autocomplete";
import { useLingui } from "@lingui/react/macro";
import type { ComponentProps, ReactNode } from "react";
import css from "./dialog.module.css";

export type Option = { value: string; note?: ReactNode };

type Props = {
  value: string;
  onChange: (value: string) => void;
  options: Option[];
  /** Shown in place of options: loading, an error, or that there are none. */
  empty?: ReactNode;
  /** The list opens: now its options are needed. */
  onOpen?: () => void;
} & Omit<ComponentProps<typeof Autocomplete.Input>, "value" | "onChange">;

/** A text with suggestions. Other texts are possible, too. */
export function Suggest({ value, onChange, options, empty, onOpen, onFocus, ...control }: Props) {
  const { t } = useLingui();
  // A complete value is no search: all options stay in reach.
  const isChosen = options.some((option) => option.value === value);
  return (
    <Autocomplete.Root
      items={options}
      filter={(option: Option, query) => isChosen || option.value.toLowerCase().includes(query.toLowerCase())}
      value={value}
      onValueChange={onChange}
      itemToStringValue={(option: Option) => option.value}
      openOnInputClick
      onOpenChange={(open) => open && onOpen?.()}
    >
      <Autocomplete.Input
        {...control}
        spellCheck={false}
        onFocus={(event) => {
          onOpen?.();
          onFocus?.(event);
        }}
      />
      <Autocomplete.Portal>
        <Autocomplete.Positioner className={css.positioner} sideOffset={4} align="start">
          <Autocomplete.Popup className={`${css.menu} ${css.suggestions}`} aria-label={t`Suggestions`}>
            {empty && (
              <Autocomplete.Empty>
                <div className={css.none}>{empty}</div>
              </Autocomplete.Empty>
            )}
            <Autocomplete.List>
              {(option: Option) => (
                <Autocomplete.Item key={option.value} value={option} className={css.item}>
                  <span className={css.spring}>{option.value}</span>
                  {option.note}
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Popup>
        </Autocomplete.Positioner>
      </Autocomplete.Portal>
    </Autocomplete.Root>
  );
}
