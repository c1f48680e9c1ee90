/** A site document in a YAML or JSON file, and where in the file a problem is. */
import { readFileSync } from 'node:fs';
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import { type Document, isCollection, isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import { CommandFailure, EXIT } from './exit.ts';

export interface SiteFile {
  readonly document: SiteDocument;
  /** `site.yaml:12:5` of a place such as `interfaces.LAB-0042.route[1].to`; the nearest that is there. */
  place(path: string): string;
}

/** @throws CommandFailure with every problem and its place. */
export function readSiteFile(file: string): SiteFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw new CommandFailure(EXIT.wrongUse, `${file} ${reason}`, { cause: error });
  }
  return parseSiteFile(file, text);
}

export function parseSiteFile(file: string, text: string): SiteFile {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (yaml.errors.length > 0) throw problems(yaml.errors.map((error) => `${at(error.pos[0])} ${error.message}`));
  const checked = siteDocumentSchema.safeParse(yaml.toJS() ?? {});
  if (!checked.success) {
    throw problems(
      checked.error.issues.map((issue) => {
        const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
        return `${at(offsetOf(yaml, path))} ${pathText(path)} ${issue.message}`;
      }),
    );
  }
  return { document: checked.data, place: (path) => at(offsetOf(yaml, stepsOf(yaml, path))) };
}

const PROBLEMS_SHOWN_MAX = 50;

function problems(lines: readonly string[]): CommandFailure {
  const more = lines.length - PROBLEMS_SHOWN_MAX;
  const shown = [...lines.slice(0, PROBLEMS_SHOWN_MAX), ...(more > 0 ? [`… and ${more} more`] : [])];
  return new CommandFailure(EXIT.failed, `the file is not a site document, nothing was done\n  ${shown.join('\n  ')}`);
}

type Path = readonly (string | number)[];

function pathText(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text.startsWith('.') ? text.slice(1) : text;
}

/** Where the deepest part of the path that is in the file begins. */
function offsetOf(yaml: Document, path: Path): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = yaml.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return keyOffset(yaml, path.slice(0, depth)) ?? node.range[0];
  }
  return yaml.contents?.range?.[0] ?? 0;
}

/** A value's key is what people look for. */
function keyOffset(yaml: Document, path: Path): number | undefined {
  const parent = path.length === 1 ? yaml.contents : yaml.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => String(key) === String(path.at(-1)));
  return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
}

/** The steps of a path as text; names may hold dots, so the file decides where one ends. */
function stepsOf(yaml: Document, text: string): Path {
  const steps: (string | number)[] = [];
  let node: unknown = yaml.contents;
  let rest = text;
  while (rest !== '' && isCollection(node)) {
    const index = /^\[(\d+)\]\.?/.exec(rest);
    let step: string | number | undefined;
    if (isSeq(node) && index !== null) {
      step = Number(index[1]);
      rest = rest.slice(index[0].length);
    } else if (isMap(node)) {
      step = node.items
        .map(({ key }) => String(key))
        .filter((key) => rest === key || rest.startsWith(`${key}.`) || rest.startsWith(`${key}[`))
        .sort((a, b) => b.length - a.length)[0];
      rest = step === undefined ? rest : rest.slice(step.length).replace(/^\./, '');
    }
    if (step === undefined) break;
    steps.push(step);
    node = yaml.getIn(steps, true);
  }
  return steps;
}
