/** The examination as a person reads it: by area, the bad before the good, nothing said twice. */
import pc from 'picocolors';
import { count, type Finding, type Level, verb } from './finding.ts';

const MARK: Readonly<Record<Level, string>> = {
  ok: pc.green('ok     '),
  unknown: pc.cyan('unknown'),
  warning: pc.yellow('warning'),
  problem: pc.red('PROBLEM'),
};
const ORDER: readonly Level[] = ['problem', 'warning', 'unknown', 'ok'];

export function words(findings: readonly Finding[]): string {
  const lines: string[] = [];
  for (const [area, list] of Map.groupBy(findings, (finding) => finding.area)) {
    lines.push(pc.bold(area));
    for (const level of ORDER)
      for (const { what, why, todo } of list.filter((finding) => finding.level === level)) {
        lines.push(`  ${MARK[level]}  ${what}`);
        if (level === 'ok') continue;
        if (why !== '') lines.push(`           ${pc.dim(why)}`);
        if (todo !== '') lines.push(`           → ${todo}`);
      }
    lines.push('');
  }
  return `${[...lines, verdict(findings)].join('\n')}\n`;
}

function verdict(findings: readonly Finding[]): string {
  const of = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings, unknowns] = [of('problem'), of('warning'), of('unknown')];
  const rest = [
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
    ...(unknowns > 0 ? [`${count(unknowns, 'check')} that could not be made`] : []),
  ].join(' and ');
  if (problems > 0)
    return pc.red(
      `${count(problems, 'problem')} ${verb(problems, 'needs', 'need')} somebody${rest === '' ? '' : `; ${rest}`}`,
    );
  return rest === '' ? pc.green('all is well') : `no problem; ${rest}`;
}
