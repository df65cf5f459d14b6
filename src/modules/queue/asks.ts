/** What annotations of jobs ask for. */
import { ELASTIC } from '../../api/kueue/names.ts';
import type { KubeObject } from '../../api/meta.ts';

/** To be scaled while it runs. */
export function asksToBeElastic({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[ELASTIC] === 'true';
}

/** As Go reads it. */
export function isTrue(text: string): boolean {
  return /^(1|t|T|TRUE|true|True)$/.test(text);
}
