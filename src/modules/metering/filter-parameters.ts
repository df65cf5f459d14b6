/** The filters of Kubecost's first releases as those of today: `filterNamespaces=team-a,kube*`. Pure. */
const MOST_VALUES = 200;

const FIELDS: Readonly<Record<string, string>> = {
  filterClusters: 'cluster', filterNodes: 'node', filterNamespaces: 'namespace', filterControllerKinds: 'controllerKind', filterPods: 'pod', filterContainers: 'container', filterServices: 'services',
  filterDepartments: 'department', filterEnvironments: 'environment', filterOwners: 'owner', filterProducts: 'product', filterTeams: 'team',
};
const MAPS: Readonly<Record<string, string>> = { filterLabels: 'label', filterAnnotations: 'annotation' };

export const FILTER_PARAMETERS: readonly string[] = [...Object.keys(FIELDS), ...Object.keys(MAPS), 'filterControllers'];

/** All of them at once, and `filter`; '' where none says anything. Throws RangeError. */
export function filterOf(query: URLSearchParams): string {
  const asked = FILTER_PARAMETERS.flatMap((name) => {
    const values = valuesOf(query, name);
    return values.length === 0 ? [] : [`(${values.map((value) => comparison(name, value)).join('|')})`];
  });
  const filter = query.get('filter')?.trim() ?? '';
  return [...asked, ...(filter === '' ? [] : [asked.length === 0 ? filter : `(${filter})`])].join('+');
}

export function valuesOf(query: URLSearchParams, name: string): string[] {
  const values = (query.get(name) ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
  if (values.length > MOST_VALUES || values.some((each) => each.includes('"'))) throw new RangeError(`${name} is a list of at most ${MOST_VALUES} names with commas between`);
  return values;
}

/** What a name, or the beginning of one with `*` behind it, is asked for by. */
function comparison(parameter: string, value: string): string {
  const equals = (field: string, name: string): string => (name.endsWith('*') ? `${field}<~:"${name.slice(0, -1)}"` : `${field}:"${name}"`);
  const colon = value.indexOf(':');
  if (parameter === 'filterControllers') return colon < 0 ? equals('controllerName', value) : `(${equals('controllerKind', value.slice(0, colon))}+${equals('controllerName', value.slice(colon + 1))})`;
  if (!Object.hasOwn(MAPS, parameter)) return equals(FIELDS[parameter]!, value);
  const key = value.slice(0, Math.max(0, colon)).trim();
  if (key === '' || key.includes(']')) throw new RangeError(`${parameter}=${JSON.stringify(value)}: write NAME:VALUE`);
  return equals(`${MAPS[parameter]}[${key}]`, value.slice(colon + 1).trim());
}
