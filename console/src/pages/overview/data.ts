import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { errorOf, urlOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";

// TODO(types): replaced by the generated types.
export type Overview = {
  at?: string;
  hours?: number;
  counts: Record<string, number>;
  attention: {
    failed: Schemas["ListedRun"][];
    waiting: Schemas["ListedRun"][];
    parties_away: { name: string; since?: string | null }[];
    certificates?: { name: string; not_after: string }[];
  };
  buckets: { at: string; succeeded: number; failed: number; cancelled: number; started: number; queue_seconds_p50?: number | null; queue_seconds_max?: number | null }[];
};

export const HOURS = [1, 24, 168, 720] as const;

/** The period of the URL; the hub accepts 1 to 720 hours. */
export function hoursOf(text: string | undefined): number {
  const hours = Number(text);
  return Number.isInteger(hours) && hours >= 1 && hours <= 720 ? hours : 24;
}

export const overviewQuery = (hours: number) =>
  queryOptions({
    queryKey: [...keys.overview, hours],
    queryFn: async ({ signal }) => {
      const response = await fetch(urlOf(`api/v2/overview?hours=${hours}`), { signal });
      if (!response.ok) throw await errorOf(response);
      return (await response.json()) as Overview;
    },
    placeholderData: keepPreviousData,
  });
