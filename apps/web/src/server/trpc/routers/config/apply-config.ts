import { applySite, parseSecretKey, type SiteProblem } from '@inorder/db';
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import { z } from 'zod';
import { env } from '../../../../env.ts';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

const PROBLEMS_MAX = 200;

/** Applies a site document (what a YAML or JSON file holds). With `dryRun` nothing is written. */
export const applyConfig = protectedProcedure('config.write')
  .input(
    z.strictObject({
      site: z.unknown(),
      reason: z.string().trim().min(1).max(500).optional(),
      dryRun: z.boolean().default(false),
    }),
  )
  .mutation(async ({ ctx, input }) => {
    const site = parseSite(input.site);
    if (!site.ok) return site;
    return applySite(database().pool, site.document, {
      actor: ctx.user.email,
      secretKey: parseSecretKey(env().INORDER_SECRET_KEY),
      dryRun: input.dryRun,
      ...(input.reason === undefined ? {} : { reason: input.reason }),
    });
  });

function parseSite(
  value: unknown,
):
  | { readonly ok: true; readonly document: SiteDocument }
  | { readonly ok: false; readonly problems: readonly SiteProblem[] } {
  const parsed = siteDocumentSchema.safeParse(value);
  if (parsed.success) return { ok: true, document: parsed.data };
  const problems = parsed.error.issues
    .slice(0, PROBLEMS_MAX)
    .map((issue) => ({ path: placeOf(issue.path), message: issue.message }));
  return { ok: false, problems };
}

/** `interfaces.LAB-0042.route[1].to` */
function placeOf(path: readonly PropertyKey[]): string {
  const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return place.startsWith('.') ? place.slice(1) : place;
}
