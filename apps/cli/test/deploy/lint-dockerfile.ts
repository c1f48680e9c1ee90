/** Rules for deploy/Dockerfile: every file it copies is there, every image is pinned, nothing runs as root. */
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { imageProblem, ROOT } from './product.ts';

export interface Instruction {
  readonly word: string;
  readonly args: string;
}

export function instructionsOf(dockerfile: string): Instruction[] {
  return dockerfile
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', args = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
      return { word, args };
    });
}

const WORDS = new Set(['FROM', 'WORKDIR', 'ENV', 'COPY', 'RUN', 'USER', 'EXPOSE', 'STOPSIGNAL', 'CMD']);

export function stagesOf(instructions: readonly Instruction[]): Set<string> {
  return new Set(
    instructions.flatMap(({ word, args }) => (word === 'FROM' ? [/ AS (\S+)$/.exec(args)?.[1] ?? ''] : [])),
  );
}

export function lintDockerfile(dockerfile: string): string[] {
  const instructions = instructionsOf(dockerfile);
  const problems: string[] = [];
  const known = new Set<string>();
  let stage = '';
  const users = new Map<string, string>();
  for (const { word, args } of instructions) {
    if (!WORDS.has(word)) problems.push(`${word} is no instruction used here`);
    if (word === 'FROM') {
      const [, image = '', name = ''] = /^(\S+) AS (\S+)$/.exec(args) ?? [];
      const wrong = known.has(image) ? undefined : imageProblem(image);
      if (wrong !== undefined) problems.push(wrong);
      known.add(name);
      stage = name;
    }
    if (word === 'USER') users.set(stage, args);
    if (word === 'COPY') problems.push(...copyProblems(args, known));
    if (word === 'CMD') problems.push(...commandProblems(args, stage, users));
  }
  const manifests = globSync('{apps,packages}/*/package.json', { cwd: ROOT });
  for (const manifest of [...manifests, 'bench/package.json', 'e2e/package.json'])
    if (!instructions.some(({ word, args }) => word === 'COPY' && args.startsWith(`${manifest} `)))
      problems.push(`${manifest} is not copied: npm ci would refuse`);
  return problems;
}

function copyProblems(args: string, known: ReadonlySet<string>): string[] {
  const words = args.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  if (from !== undefined) return known.has(from) ? [] : [`no stage ${from}`];
  return words
    .filter((word) => !word.startsWith('--'))
    .slice(0, -1)
    .flatMap((file) => (existsSync(path.join(ROOT, file)) ? [] : [`no file ${file}`]));
}

function commandProblems(args: string, stage: string, users: ReadonlyMap<string, string>): string[] {
  const [, file = ''] = JSON.parse(args) as string[];
  const built = file === 'apps/web/server.js';
  return [
    ...(built || existsSync(path.join(ROOT, file)) ? [] : [`no file ${file}`]),
    ...(/^[1-9]\d*:[1-9]\d*$/.test(users.get(stage) ?? '') ? [] : [`${stage} runs as root`]),
  ];
}
