import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, bodyOf, type Schemas } from "../../api/client";
import { keys } from "../../api/queries";

export type Overview = Schemas["Overview"];

export const HOURS = [1, 24, 168, 720] as const;

/** The period of the URL; the hub accepts 1 to 720 hours. */
export function hoursOf(text: string | undefined): number {
  const hours = Number(text);
  return Number.isInteger(hours) && hours >= 1 && hours <= 720 ? hours : 24;
}

export const overviewQuery = (hours: number) =>
  queryOptions({
    queryKey: [...keys.overview, hours],
    queryFn: ({ signal }) => bodyOf(api.GET("/api/v2/overview", { params: { query: { hours } }, signal })),
    placeholderData: keepPreviousData,
  });
