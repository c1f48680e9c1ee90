/** `YYYYMMDDHHMMSS+0000` of an instant in ms since 1970, in UTC. */
export function hl7Instant(atMs: number): string {
  return `${new Date(atMs).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}+0000`;
}
