/** Bootstrap tokens: those that have ended are removed, and kube-public/cluster-info is signed by those that may (upstream: pkg/controller/bootstrap). */
import { BOOTSTRAP_TOKEN_TYPE, bootstrapEndMs, signingToken } from '../../api/core/bootstrap-token.ts';
import { ConfigMap } from '../../api/core/config-map.ts';
import { Secret } from '../../api/core/secret.ts';
import { isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { WatchOptions } from '../../sdk/client.ts';
import { defineModule, type ModuleContext } from '../../sdk/module.ts';
import { signedData } from './signature.ts';

const TOKENS = { namespace: 'kube-system', fieldSelector: `type=${BOOTSTRAP_TOKEN_TYPE}` };
const INFO = { namespace: 'kube-public', name: 'cluster-info' };
const AGAIN_MS = 5_000;

export default defineModule({
  name: 'bootstrap-tokens',
  description: 'Bootstrap tokens: removes those that have ended, and signs cluster-info with the others',
  needs: [Secret, ConfigMap],
  writes: [Secret, ConfigMap],
  async run(context) {
    const { signal, clock, log } = context;
    let changed = Promise.withResolvers<void>();
    const poke = (): void => changed.resolve();
    signal.addEventListener('abort', poke, { once: true });
    const watches = [follow(Secret, TOKENS, context, poke), follow(ConfigMap, { namespace: INFO.namespace, fieldSelector: `metadata.name=${INFO.name}` }, context, poke)];
    while (!signal.aborted) {
      changed = Promise.withResolvers<void>();
      let againMs: number | undefined;
      try {
        againMs = await sync(context);
      } catch (error) {
        if (!isApiError(error, 'Conflict', 'NotFound')) log.warn('bootstrap tokens could not be looked after, trying again', { error });
        againMs = AGAIN_MS;
      }
      const waiting = new AbortController();
      await Promise.race([changed.promise, ...(againMs === undefined ? [] : [clock.sleep(againMs, waiting.signal)])]);
      waiting.abort();
    }
    await Promise.all(watches);
  },
});

/** Few of these objects are there, so they are watched and not kept. */
async function follow<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, { client, signal, clock }: ModuleContext, poke: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of client.watch(kind, { ...options, signal })) if (event.type !== 'BOOKMARK') poke();
    } catch {
      poke(); // what was missed is looked for
    }
    await clock.sleep(AGAIN_MS, signal);
  }
}

/** Gives after how many ms something ends; undefined when nothing does. */
async function sync({ client, clock }: ModuleContext): Promise<number | undefined> {
  const { items } = await client.list(Secret, TOKENS);
  const nowMs = clock.nowMs();
  const over = items.filter((secret) => bootstrapEndMs(secret) <= nowMs);
  for (const { metadata } of over) await client.delete(Secret, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } });
  await sign({ client, tokens: items.flatMap((secret) => signingToken(secret, nowMs) ?? []) });
  const ends = items.map(bootstrapEndMs).filter((endMs) => endMs > nowMs && endMs !== Infinity);
  return ends.length === 0 ? undefined : Math.min(...ends) - nowMs;
}

async function sign({ client, tokens }: Pick<ModuleContext, 'client'> & { tokens: readonly { id: string; secret: string }[] }): Promise<void> {
  let info: ConfigMap;
  try {
    info = await client.get(ConfigMap, INFO.name, { namespace: INFO.namespace });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return;
    throw error;
  }
  const data = signedData(info.data ?? {}, tokens);
  if (!equalJson(data, info.data ?? {})) await client.update(ConfigMap, { ...info, data });
}
