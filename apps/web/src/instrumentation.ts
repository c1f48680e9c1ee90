/** Next calls this once, when the server starts and before it answers. */
export async function register(): Promise<void> {
  // Next builds this file for its edge runtime too, which has no process.
  if (process.env['NEXT_RUNTIME'] !== 'nodejs') return;
  const { stopInOrder } = await import('./server/operations/stop.ts');
  try {
    stopInOrder();
  } catch (error) {
    // Next would say so, stay, and answer nothing.
    process.stderr.write(`console cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}
