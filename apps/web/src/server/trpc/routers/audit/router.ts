import { router } from '../../trpc.ts';
import { listAudit } from './list-audit.ts';
import { verifyAuditProcedure } from './verify-audit.ts';

export const auditRouter = router({ list: listAudit, verify: verifyAuditProcedure });
