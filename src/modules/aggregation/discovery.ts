/** What a server says that it serves, in the form of aggregated discovery (upstream: endpoints/discovery/aggregated ConvertAPIResource). */

interface APIResource {
  name: string;
  singularName?: string;
  namespaced?: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs?: string[];
  shortNames?: string[];
  categories?: string[];
}

interface Discovered {
  resource: string;
  responseKind?: { group: string; version: string; kind: string };
  scope: 'Namespaced' | 'Cluster';
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string; responseKind: { group: string; version: string; kind: string }; verbs: string[] }[];
}

/** APIResourceDiscovery of each resource of an APIResourceList; what has no form that could be understood is left out. */
export function discovered(list: unknown, group: string, version: string): Discovered[] {
  const { resources } = (list ?? {}) as { resources?: unknown };
  const usable = (Array.isArray(resources) ? resources : []).filter((each): each is APIResource => typeof each?.name === 'string' && typeof each?.kind === 'string');
  const found = new Map<string, Discovered>();
  const kindOf = (resource: APIResource): { group: string; version: string; kind: string } => ({ group: resource.group || group, version: resource.version || version, kind: resource.kind });
  const scopeOf = ({ namespaced }: APIResource): Discovered['scope'] => (namespaced === true ? 'Namespaced' : 'Cluster');
  for (const resource of usable.filter(({ name }) => !name.includes('/'))) {
    const { name, singularName, verbs, shortNames, categories } = resource;
    found.set(name, { resource: name, responseKind: kindOf(resource), scope: scopeOf(resource), singularResource: singularName ?? '', verbs: verbs ?? [], ...(shortNames === undefined ? {} : { shortNames }), ...(categories === undefined ? {} : { categories }) });
  }
  for (const resource of usable.filter(({ name }) => name.includes('/'))) {
    const [parent = '', ...rest] = resource.name.split('/');
    const above = found.get(parent) ?? { resource: parent, scope: scopeOf(resource), singularResource: '', verbs: [] };
    found.set(parent, above);
    (above.subresources ??= []).push({ subresource: rest.join('/'), responseKind: kindOf(resource), verbs: resource.verbs ?? [] });
  }
  return [...found.values()];
}
