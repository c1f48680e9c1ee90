/** The last reason per kind of act, for a quarter of an hour of this tab: a shift often acts for one cause. */
const REMEMBER_MS = 900_000;
const reasons = new Map<string, { readonly text: string; readonly at: number }>();

export function rememberReason(kind: string, text: string): void {
  reasons.set(kind, { text, at: Date.now() });
}

export function recallReason(kind: string): string {
  const remembered = reasons.get(kind);
  return remembered !== undefined && Date.now() - remembered.at < REMEMBER_MS ? remembered.text : '';
}
