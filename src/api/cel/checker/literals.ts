/** Arguments that are written out, and cannot be read as what they stand for (cel-go ASTValidators: durations, timestamps, regular expressions). */
import { compile } from '../../schema/regular-expression.ts';
import { durationOf } from '../value.ts';
import type { Node } from './syntax.ts';

const READABLE: Readonly<Record<string, (text: string) => boolean>> = {
  duration: (text) => durationOf(text) !== undefined,
  timestamp: (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(Date.parse(text)),
  matches: (text) => compile(text) !== undefined,
};

/** Why the first argument of the function cannot be; undefined where it can, or is reckoned. */
export function literalFault(name: string, args: readonly Node[]): string | undefined {
  const [first] = args;
  if (!Object.hasOwn(READABLE, name) || first?.op !== 'value' || typeof first.args !== 'string') return undefined;
  return READABLE[name]!(first.args) ? undefined : `invalid ${name} argument`;
}
