/** The kinds that definitions have brought, so that each is served as its newest definition says and withdrawn with it. */
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { kindsOfDefinition } from '../../api/custom/custom-kind.ts';
import type { Kind } from '../../api/kind.ts';
import { conversionOf } from './conversion.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import type { Names } from './names.ts';
import { servedNames } from './status.ts';

interface Entry { version: string; kinds: readonly Kind[]; withdraw: readonly (() => void)[] }

export interface ServedDefinitions {
  /** Serves what the definition says now, under these names or those of {@link servedNames}; gives its kinds, the storage version first. */
  serve(definition: CustomResourceDefinition, names?: Names): readonly Kind[];
  withdraw(name: string): void;
  /** Whether objects of the kind may no longer be created because its definition is being deleted. */
  isEnding(kind: Kind): boolean;
  end(name: string): void;
}

export function servedDefinitions({ serve, client, signal }: Pick<ModuleContext, 'serve' | 'client' | 'signal'>): ServedDefinitions {
  const entries = new Map<string, Entry>();
  const ending = new Set<string>();
  return {
    serve(definition, names = servedNames(definition)) {
      const { name = '', uid, generation } = definition.metadata;
      const version = `${uid}/${generation}/${JSON.stringify(names)}`;
      const before = entries.get(name);
      if (before?.version === version) return before.kinds;
      const kinds = kindsOfDefinition({ ...definition, spec: { ...definition.spec, names } }, conversionOf(definition, client, signal));
      // New kinds take the place of the old ones first, so that no request falls between.
      entries.set(name, { version, kinds, withdraw: kinds.map((kind) => serve(kind)) });
      for (const stop of before?.withdraw ?? []) stop();
      if (definition.metadata.deletionTimestamp === undefined) ending.delete(name);
      return kinds;
    },
    withdraw(name) {
      for (const stop of entries.get(name)?.withdraw ?? []) stop();
      entries.delete(name);
      ending.delete(name);
    },
    isEnding: (kind) => ending.has(`${kind.plural}.${kind.group}`),
    end: (name) => void ending.add(name),
  };
}
