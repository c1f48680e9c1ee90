/** Interfaces and messages as people name them: `LAB-0042`, `LAB-0042:123`, `LAB-0042:120-140`. */
import { interfaceCode } from '@inorder/core';
import { InvalidArgumentError } from 'commander';

export interface NumberTarget {
  readonly interfaceCode: string;
  readonly fromSequenceNo: number;
  readonly toSequenceNo: number;
}

export function parseCode(text: string): string {
  try {
    return interfaceCode(text.toUpperCase());
  } catch {
    throw new InvalidArgumentError('It takes an interface code such as LAB-0042.');
  }
}

/** One number. */
export function parseMessage(text: string): NumberTarget {
  const target = parseNumbers(text);
  if (target.fromSequenceNo !== target.toSequenceNo)
    throw new InvalidArgumentError('It takes one number: LAB-0042:123.');
  return target;
}

/** One number or a range. */
export function parseNumbers(text: string): NumberTarget {
  const [, code, from, to = from] = /^([^:]+):(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (code === undefined) throw new InvalidArgumentError('It takes LAB-0042:123 or LAB-0042:120-140.');
  const target = { interfaceCode: parseCode(code), fromSequenceNo: Number(from), toSequenceNo: Number(to) };
  if (target.fromSequenceNo < 1 || !Number.isSafeInteger(target.toSequenceNo))
    throw new InvalidArgumentError('Numbers run from 1.');
  if (target.fromSequenceNo > target.toSequenceNo)
    throw new InvalidArgumentError('The first number is larger than the last.');
  return target;
}
