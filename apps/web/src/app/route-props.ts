/** What Next hands to a page. Its own generated type is there only after a build; a check must not need one. */
export interface RouteProps<Params extends Readonly<Record<string, string>> = Record<never, string>> {
  readonly params: Promise<Params>;
  readonly searchParams: Promise<Record<string, string | string[] | undefined>>;
}
