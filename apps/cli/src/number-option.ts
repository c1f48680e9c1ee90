/** Numbers as options. */
import { InvalidArgumentError } from 'commander';

interface Range {
  readonly least: number;
  readonly most: number;
}

export function anyNumber({ least, most }: Range): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`It takes a number from ${least} to ${most}.`);
    return value;
  };
}

export function wholeNumber(range: Range): (text: string) => number {
  return (text) => {
    const value = anyNumber(range)(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError('It takes a whole number.');
    return value;
  };
}
