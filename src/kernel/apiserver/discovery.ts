/**
 * Discovery: which groups, versions and resources are served; plain (meta/v1 APIGroupList, APIResourceList) and aggregated
 * (apidiscovery.k8s.io v2 and v2beta1). Made anew only when the served kinds changed.
 */
import { createHash } from 'node:crypto';
import { priorityOf, type Priority } from '../../api/apiregistration/priorities.ts';
import { apiVersionOf } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';
import { hasProtobuf } from '../../api/protobuf/envelope.ts';
import { clausesOf, encodingOf, type Encoding } from './negotiate.ts';
import { compareVersions, type KindTable } from './kind-table.ts';
import type { AggregatedVersion } from '../../sdk/module.ts';
import type { ToldVersion } from './route-table.ts';
import type { VirtualTable } from './virtual.ts';

export interface Discovery {
  /** The document for a path below /api or /apis, or undefined when there is none. */
  answer(segments: readonly string[], accept: string | undefined): Answer | undefined;
}

interface Answer {
  /** The document in JSON. */
  body: Buffer;
  /** The aggregated document has one, the same in every encoding. */
  etag?: string;
  /** How the aggregated document is to be encoded, and what follows its media type. */
  as?: { encoding: Encoding; parameters: string };
}

/** Subresources that a module answers, for discovery. */
export interface ConnectResource {
  kind: Kind;
  subresource: string;
  methods: readonly string[];
}

interface Resource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  /** Where the body's kind is of another group. */
  group?: string;
  version?: string;
  verbs: string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  /** Opaque: differs when objects are stored in another version. */
  storageVersionHash?: string;
}

interface Sources {
  kinds: KindTable;
  virtual: VirtualTable;
  connects: () => readonly ConnectResource[];
  /** What raw routes of modules answer for. */
  told?: () => readonly ToldVersion[];
  /** What other servers answer for. */
  aggregated?: () => readonly AggregatedVersion[];
}

export function createDiscovery(options: Sources & { changes: () => number; serverAddress: () => string }): Discovery {
  const cache = new Map<string, Omit<Answer, 'as'>>();
  let madeFor = -1;
  const make = (segments: readonly string[], aggregated: string | undefined): Omit<Answer, 'as'> | undefined => {
    const groups = groupsOf(options);
    if (aggregated !== undefined) return aggregatedAnswer(groups, segments[0] === 'api', aggregated);
    const document = plainDocument(groups, segments, options.serverAddress());
    return document === undefined ? undefined : { body: Buffer.from(`${JSON.stringify(document)}\n`) };
  };
  return {
    answer(segments, accept) {
      if (madeFor !== options.changes()) cache.clear();
      madeFor = options.changes();
      const aggregated = segments.length === 1 ? aggregatedForm(accept) : undefined;
      const key = `${segments.join('/')} ${aggregated?.version ?? ''}`;
      const made = cache.get(key) ?? make(segments, aggregated?.version);
      if (made === undefined) return undefined;
      cache.set(key, made);
      return aggregated === undefined ? made : { ...made, as: { encoding: aggregated.encoding, parameters: `;g=${GROUP};v=${aggregated.version};as=${AGGREGATED}` } };
    },
  };
}

const GROUP = 'apidiscovery.k8s.io';
const AGGREGATED = 'APIGroupDiscoveryList';

/** Undefined for who would rather have the plain documents (upstream: endpoints/discovery/aggregated/wrapper.go). */
function aggregatedForm(accept: string | undefined): { version: string; encoding: Encoding } | undefined {
  for (const { type, parameters } of clausesOf(accept ?? '')) {
    const encoding = encodingOf(type);
    if (encoding === undefined) continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g !== GROUP || as !== AGGREGATED || (v !== 'v2' && v !== 'v2beta1')) continue;
    if (encoding === 'protobuf' && !hasProtobuf({ group: GROUP, version: v, kind: AGGREGATED })) continue;
    return { version: v, encoding };
  }
  return undefined;
}

interface Served {
  priority: Priority;
  resources: Resource[];
  /** Another server answers. */
  elsewhere?: AggregatedVersion;
}

/** By group and version, both in their order. */
type Groups = Map<string, Map<string, Served>>;

function groupsOf(options: Sources): Groups {
  const groups: Groups = new Map();
  const servedAs = (group: string, version: string): Served => {
    const versions = groups.get(group) ?? new Map<string, Served>();
    groups.set(group, versions);
    const served = versions.get(version) ?? { priority: priorityOf(group, version), resources: [] };
    versions.set(version, served);
    return served;
  };
  const resourcesOf = (group: string, version: string): Resource[] => servedAs(group, version).resources;
  const connects = options.connects();
  for (const kind of options.kinds.list()) resourcesOf(kind.group, kind.version).push(...ofKind(kind, connects));
  for (const virtual of options.virtual.values()) {
    resourcesOf(virtual.group, virtual.version).push({ name: virtual.plural, singularName: virtual.kind.toLowerCase(), namespaced: virtual.namespaced, kind: virtual.kind, verbs: ['create'] });
  }
  for (const { group, version, resources } of options.told?.() ?? []) resourcesOf(group, version).push(...resources.map((each) => ({ ...each, verbs: [...each.verbs].sort() })));
  if (!groups.has('')) servedAs('', 'v1');
  for (const elsewhere of options.aggregated?.() ?? []) {
    const { group, version, groupPriority, versionPriority } = elsewhere;
    Object.assign(servedAs(group, version), { priority: { group: groupPriority, version: versionPriority }, resources: [], elsewhere });
  }
  for (const versions of groups.values()) for (const { resources } of versions.values()) resources.sort((a, b) => compare(mainOf(a), mainOf(b)));
  return inOrder(groups);
}

const mainOf = ({ name }: Resource): string => name.split('/', 1)[0]!;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A group stands where the highest of its versions puts it. */
function inOrder(groups: Groups): Groups {
  const rank = (versions: Map<string, Served>): number => Math.max(...[...versions.values()].map(({ priority }) => priority.group));
  const sorted = [...groups].sort(([a, ofA], [b, ofB]) => rank(ofB) - rank(ofA) || (a < b ? -1 : 1));
  return new Map(sorted.map(([group, versions]) => [group, new Map([...versions].sort(([a, x], [b, y]) => y.priority.version - x.priority.version || compareVersions(b, a)))]));
}

function ofKind(kind: Kind, connects: readonly ConnectResource[]): Resource[] {
  const { plural, namespaced, subresources } = kind;
  const main: Resource = { name: plural, singularName: kind.singular, namespaced, kind: kind.kind, verbs: [...kind.verbs].sort() };
  if (kind.shortNames.length > 0) main.shortNames = kind.shortNames;
  if (kind.categories.length > 0) main.categories = kind.categories;
  if (kind.verbs.includes('create') && kind.verbs.includes('get')) main.storageVersionHash = storageVersionHash(kind);
  const found = [main];
  const sub = (name: string, ofWhat: string, verbs: readonly string[], body: { group?: string; version?: string } = {}): void => {
    const resource: Resource = { name: `${plural}/${name}`, singularName: '', namespaced, kind: ofWhat, verbs: [...verbs].sort() };
    if (body.group !== undefined && (body.group !== kind.group || body.version !== kind.version)) Object.assign(resource, body);
    found.push(resource);
  };
  if (subresources.status === true) sub('status', kind.kind, ['get', 'patch', 'update']);
  if (subresources.scale !== undefined) sub('scale', 'Scale', ['get', 'patch', 'update'], { group: 'autoscaling', version: 'v1' });
  for (const [name, action] of Object.entries(subresources.actions ?? {})) sub(name, action.body.kind, action.verbs, { group: action.body.group, version: action.body.version });
  if (kind.group === '' && plural === 'serviceaccounts') sub('token', 'TokenRequest', ['create'], { group: 'authentication.k8s.io', version: 'v1' });
  for (const connect of connects) {
    if (connect.kind.group !== kind.group || connect.kind.plural !== plural) continue;
    sub(connect.subresource, connect.subresource === 'proxy' ? `${kind.kind}ProxyOptions` : CONNECT_KINDS[connect.subresource] ?? kind.kind, connectVerbs(connect.methods));
  }
  // Of custom resources the status comes before the scale (apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go).
  return kind.isCustom === true ? found : found.sort((a, b) => compare(a.name, b.name));
}

/** As upstream makes it, so that clients that compare hashes of clusters find them the same (apiserver/pkg/endpoints/discovery/storageversionhash.go). */
function storageVersionHash({ group, version, kind, storageGroup, storageVersion, conversion }: Kind): string {
  const apiVersion = conversion?.storageApiVersion ?? apiVersionOf(storageGroup ?? group, storageVersion ?? version);
  const gvk = `${apiVersion.includes('/') ? '' : '/'}${apiVersion}/${kind}`;
  return createHash('sha256').update(gvk).digest().subarray(0, 8).toString('base64');
}

const CONNECT_KINDS: Record<string, string> = { exec: 'PodExecOptions', attach: 'PodAttachOptions', portforward: 'PodPortForwardOptions', log: 'Pod' };
const METHOD_VERBS: Record<string, string> = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

function connectVerbs(methods: readonly string[]): string[] {
  return methods.map((method) => METHOD_VERBS[method]).filter((verb) => verb !== undefined);
}

function versionsOf(versions: Map<string, Served>): string[] {
  return [...versions.keys()];
}

function plainDocument(groups: Groups, segments: readonly string[], serverAddress: string): object | undefined {
  const [root, first, second] = segments;
  if (root === 'api') {
    if (first === undefined) return { kind: 'APIVersions', versions: versionsOf(groups.get('')!), serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] };
    return segments.length === 2 ? resourceList('', first, groups) : undefined;
  }
  if (root !== 'apis' || segments.length > 3) return undefined;
  if (first === undefined) return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups.keys()].filter((group) => group !== '').map((group) => groupDocument(group, groups)) };
  if (!groups.has(first) || first === '') return undefined;
  return second === undefined ? { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(first, groups) } : resourceList(first, second, groups);
}

function groupDocument(group: string, groups: Groups): object {
  const versions = versionsOf(groups.get(group)!).map((version) => ({ groupVersion: apiVersionOf(group, version), version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(group: string, version: string, groups: Groups): object | undefined {
  const resources = groups.get(group)?.get(version)?.resources;
  return resources === undefined ? undefined : { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(group, version), resources };
}

function aggregatedAnswer(groups: Groups, core: boolean, version: string): { body: Buffer; etag: string } {
  const items = [...groups].filter(([group]) => (group === '') === core).map(([group, versions]) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: [...versions].map(([each, { resources, elsewhere }]) => (elsewhere === undefined
      ? { version: each, resources: aggregatedResources(group, each, resources), freshness: 'Current' }
      : { version: each, resources: elsewhere.resources, freshness: elsewhere.current ? 'Current' : 'Stale' })),
  }));
  const body = Buffer.from(`${JSON.stringify({ kind: AGGREGATED, apiVersion: `${GROUP}/${version}`, metadata: {}, items })}\n`);
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  return { body, etag };
}

function aggregatedResources(group: string, version: string, resources: readonly Resource[]): object[] {
  const mains = resources.filter((resource) => !resource.name.includes('/'));
  return mains.map((resource) => {
    const subresources = resources.filter((each) => each.name.startsWith(`${resource.name}/`)).map((each) => ({
      subresource: each.name.slice(resource.name.length + 1), responseKind: { group: each.group ?? group, version: each.version ?? version, kind: each.kind }, verbs: each.verbs,
    }));
    return {
      resource: resource.name, responseKind: { group, version, kind: resource.kind }, scope: resource.namespaced ? 'Namespaced' : 'Cluster', singularResource: resource.singularName, verbs: resource.verbs,
      ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }), ...(resource.categories === undefined ? {} : { categories: resource.categories }),
      ...(subresources.length === 0 ? {} : { subresources }),
    };
  });
}
