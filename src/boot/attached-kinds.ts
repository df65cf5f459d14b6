/** The kinds of ours that another cluster serves, by its discovery: what is there at the start, and what definitions bring and take later. */
import { isApiError } from '../api/errors.ts';
import { resourceKey, type Kind } from '../api/kind.ts';
import { BUILT_IN_KINDS } from '../api/kinds.ts';
import { apiVersionOf } from '../api/meta.ts';
import type { Clock } from '../base/clock.ts';
import type { HttpClient } from '../sdk/client/http.ts';
import type { Module, ServedKinds } from '../sdk/module.ts';

/** Discovery cannot be watched. */
const EVERY_MS = 30_000;

type Discovery = Pick<HttpClient, 'getRaw'>;

export interface FollowedKinds extends ServedKinds {
  /** Asks the cluster anew; gives whether it serves others of ours now. */
  look(): Promise<boolean>;
}

/** All that the modules give, read or write. */
function kindsOf(modules: readonly Module[]): Kind[] {
  return modules.flatMap(({ kinds = [], reads = [], writes = [] }) => [...kinds, ...(reads === 'all' ? [] : reads), ...(writes === 'all' ? [] : writes)]);
}

/** Settles when discovery was read once. It is read again from the first subscription on, until the signal aborts. */
export async function attachedKinds(client: Discovery, modules: readonly Module[], { clock, signal }: { clock: Pick<Clock, 'sleep'>; signal: AbortSignal }): Promise<FollowedKinds> {
  const ours = [...new Map([...BUILT_IN_KINDS, ...kindsOf(modules)].map((kind) => [`${resourceKey(kind)}/${kind.version}`, kind])).values()];
  const pathOf = ({ group, version }: Kind): string => (group === '' ? `/api/${version}` : `/apis/${apiVersionOf(group, version)}`);
  const paths = [...new Set(ours.map(pathOf))];
  /** A definition more in a group that is there changes nothing in the list of groups. */
  const own = new Set(ours.filter((kind) => !BUILT_IN_KINDS.includes(kind)).map(pathOf));
  const resources = new Map<string, readonly string[]>();
  const callbacks = new Set<() => void>();
  let groups = '';
  let kinds: readonly Kind[] = [];
  let following = false;

  const readAt = async (path: string): Promise<void> => {
    const text = await client.getRaw(path).catch((error: unknown) => (isApiError(error, 'NotFound') ? '{"resources":[]}' : undefined));
    // What cannot be read now is as it was.
    if (text !== undefined) resources.set(path, (JSON.parse(text) as { resources: { name: string }[] }).resources.map(({ name }) => name));
  };
  const look = async (): Promise<boolean> => {
    const now = await client.getRaw('/apis').catch(() => groups);
    const isListed = (path: string): boolean => path.startsWith('/api/') || now.includes(JSON.stringify(path.slice('/apis/'.length)));
    const wanted = paths.filter((path) => (now !== groups || groups === '' || own.has(path)) && (groups === '' || isListed(path) || (resources.get(path)?.length ?? 0) > 0));
    await Promise.all(wanted.map(readAt));
    groups = now;
    const before = kinds;
    kinds = ours.filter((kind) => resources.get(pathOf(kind))?.includes(kind.plural) === true);
    return before.length !== kinds.length || before.some((kind, index) => kind !== kinds[index]);
  };
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
      if (!signal.aborted && (await look())) for (const callback of callbacks) callback();
    }
  };
  await look();
  return {
    look,
    list: () => kinds,
    find: (group, kind) => kinds.find((each) => each.group === group && each.kind === kind),
    subscribe(callback) {
      callbacks.add(callback);
      if (!following) void follow();
      following = true;
      return () => void callbacks.delete(callback);
    },
  };
}
