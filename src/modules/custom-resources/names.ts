/** Which names of a definition are free in its group (apiextensions, naming controller). */
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import type { KindNames, Kind } from '../../api/kind.ts';

type Names = CustomResourceDefinition['spec']['names'];

export interface NameConflict {
  /** PluralConflict, SingularConflict, ShortNamesConflict, KindConflict or ListKindConflict. */
  reason: string;
  message: string;
}

/** The first name that another resource of the group has already; undefined when all are free. */
export function findConflict(names: Names, group: string, served: readonly Pick<Kind, keyof KindNames | 'singular' | 'shortNames'>[]): NameConflict | undefined {
  const others = served.filter((kind) => kind.group === group && kind.plural !== names.plural);
  const resources = new Set(others.flatMap((kind) => [kind.plural, kind.singular, ...kind.shortNames]));
  const kinds = new Set(others.flatMap((kind) => [kind.kind, `${kind.kind}List`]));
  const checks: [string, Set<string>, readonly string[]][] = [
    ['PluralConflict', resources, [names.plural]], ['SingularConflict', resources, [names.singular ?? '']], ['ShortNamesConflict', resources, names.shortNames ?? []],
    ['KindConflict', kinds, [names.kind]], ['ListKindConflict', kinds, [names.listKind ?? '']],
  ];
  for (const [reason, taken, wanted] of checks) {
    const name = wanted.find((each) => taken.has(each));
    if (name !== undefined) return { reason, message: `${JSON.stringify(name)} is already in use` };
  }
  return undefined;
}
