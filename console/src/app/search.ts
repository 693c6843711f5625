/** Search parameters of a page, as texts. */
export type Search = Record<string, string | undefined>;
