/** The wait for the first object of some kinds, so that a module costs nothing before anybody uses it. */
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import type { ModuleContext } from './module.ts';

/** true with the first object of any of the kinds, at once where there is one; false when the signal aborts before. */
// Of any kinds: what is in the objects is not looked at.
// oxlint-disable-next-line typescript/no-explicit-any
export async function firstUse({ caches, signal }: Pick<ModuleContext, 'caches' | 'signal'>, kinds: readonly Kind<any>[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const stop = (): void => resolve(false);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const stops = kinds.map((kind: Kind<KubeObject>) => caches.of(kind).subscribe(() => resolve(true)));
  const isUsed = await promise;
  for (const each of stops) each();
  signal.removeEventListener('abort', stop);
  return isUsed;
}
