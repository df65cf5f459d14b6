/** Which names of a definition are free in its group (apiextensions, naming controller). */
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import type { KindNames, Kind } from '../../api/kind.ts';

export type Names = CustomResourceDefinition['spec']['names'];

export interface NameConflict {
  /** PluralConflict, SingularConflict, ShortNamesConflict, KindConflict or ListKindConflict. */
  reason: string;
  message: string;
}

export interface Naming {
  /** Those that are free or are its own already, one by one; the others as they were accepted before. */
  names: Names;
  /** The last name that another resource of the group has; undefined when all are accepted. */
  conflict: NameConflict | undefined;
}

/** `accepted` is what was accepted before. */
export function acceptNames(wanted: Names, accepted: Names | undefined, group: string, served: readonly Pick<Kind, keyof KindNames | 'singular' | 'shortNames'>[]): Naming {
  const others = served.filter((kind) => kind.group === group && kind.plural !== wanted.plural);
  const resources = new Set(others.flatMap((kind) => [kind.plural, kind.singular, ...kind.shortNames]));
  const kinds = new Set(others.flatMap((kind) => [kind.kind, `${kind.kind}List`]));
  const names: Names = { ...(accepted ?? { plural: '', kind: '' }) };
  let conflict: NameConflict | undefined;
  const take = <Field extends keyof Names>(field: Field, taken: ReadonlySet<string>, reason: string): void => {
    const mine = new Set([accepted?.[field] ?? []].flat());
    const inUse = [wanted[field] ?? []].flat().filter((name) => taken.has(name) && !mine.has(name));
    if (inUse.length > 0) conflict = { reason, message: shown(inUse.map((name) => `${JSON.stringify(name)} is already in use`)) };
    else if (wanted[field] === undefined) delete names[field];
    else names[field] = wanted[field];
  };
  take('plural', resources, 'PluralConflict');
  take('singular', resources, 'SingularConflict');
  take('shortNames', resources, 'ShortNamesConflict');
  take('kind', kinds, 'KindConflict');
  take('listKind', kinds, 'ListKindConflict');
  take('categories', new Set(), '');
  return { names, conflict };
}

/** As upstream says several errors at once. */
function shown(errors: readonly string[]): string {
  return errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
}
