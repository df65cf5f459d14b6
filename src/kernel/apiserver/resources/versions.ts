/** Work that asks how objects are said in other versions of their kind, where only a webhook can tell (field managers of several versions). */
import type { Kind } from '../../../api/kind.ts';
import { parseApiVersion, type KubeObject } from '../../../api/meta.ts';
import type { InVersion } from '../../../api/merge/apply/index.ts';
import type { Door } from '../door.ts';
import { schemaOfKind } from '../kind-table.ts';

class Unknown extends Error {
  readonly object: KubeObject;
  readonly apiVersion: string;

  constructor(object: KubeObject, apiVersion: string) {
    super(`not known yet as ${apiVersion}`);
    this.object = object;
    this.apiVersion = apiVersion;
  }
}

/** More versions than this have no managers. */
const TRIES = 40;

/**
 * Does the work, and again each time that it asked for something which had to be found out first: it must be safe to begin anew. Kinds without a
 * conversion have nothing to ask; for them it is done at once, and what it gives is no promise.
 */
export function withVersions<T>(door: Door, kind: Kind, work: (inVersion: InVersion | undefined) => T): T | Promise<T> {
  return kind.conversion === undefined ? work(undefined) : askingFor(door, kind, work);
}

async function askingFor<T>(door: Door, kind: Kind, work: (inVersion: InVersion) => T): Promise<T> {
  const known = new Map<string, KubeObject>();
  const keyOf = (object: KubeObject, apiVersion: string): string => `${apiVersion} ${JSON.stringify(object)}`;
  for (let tries = 1; ; tries++) {
    try {
      return work((object, apiVersion) => {
        const { group, version } = parseApiVersion(apiVersion);
        const found = known.get(keyOf(object, apiVersion));
        if (found === undefined) throw new Unknown(object, apiVersion);
        return { object: found, schema: schemaOfKind(door.kinds.lookup(group, version, kind.plural) ?? kind) };
      });
    } catch (error) {
      if (!(error instanceof Unknown) || tries === TRIES) throw error;
      const { object, apiVersion } = error;
      known.set(keyOf(object, apiVersion), (await kind.conversion!.convert([object], apiVersion))[0]!);
    }
  }
}
