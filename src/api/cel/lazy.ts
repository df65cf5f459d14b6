/** CEL is rarely needed and heavy: it is read when the first expression is compiled. */
import { createRequire } from 'node:module';

type Cel = typeof import('./index.ts');

const load = createRequire(import.meta.url);
let loaded: Cel | undefined;

/** The evaluator of expressions, at once; the first call reads it from the disk. */
export function cel(): Cel {
  return (loaded ??= load('./index.ts') as Cel);
}
