/** Ingress (networking.k8s.io/v1) on the same engine: all Ingresses of our classes share one pair of ports, 80 and 443. Pure. */
import type { HTTPIngressPath, Ingress, IngressBackend } from '../../api/generated/networking-v1.ts';
import { CLASS_ANNOTATION } from '../../api/networking/ingress.ts';
import { balancingOf } from '../../sdk/load-balancing/balancing.ts';
import { compareHostnames } from './hostnames.ts';
import { INGRESS_CONTROLLER, type Observed, type TlsPair } from './observed.ts';
import type { Door, DoorListener } from './plan.ts';
import { certificateOf, isFailure } from './references.ts';
import { compareMatches, compareText, type Action, type Entry, type Match, type Target } from './rules.ts';

/** Whether its class has us as controller; an Ingress that names no class belongs to nobody (the default one was written into it when it was made). */
export function isOwnIngress({ spec, metadata }: Ingress, { ingressClasses }: Pick<Observed, 'ingressClasses'>): boolean {
  const name = spec?.ingressClassName ?? metadata.annotations?.[CLASS_ANNOTATION];
  return name !== undefined && metadata.deletionTimestamp === undefined && ingressClasses.some((each) => each.metadata.name === name && each.spec?.controller === INGRESS_CONTROLLER);
}

/** `llmos.dev/ssl-redirect: "true"` sends requests for hosts with TLS from port 80 to port 443. */
const SSL_REDIRECT = 'llmos.dev/ssl-redirect';
const PLAIN = 'plain';

export function ingressDoors(observed: Observed, broken: ReadonlyMap<string, string>): Door[] {
  const own = observed.ingresses.filter((each) => isOwnIngress(each, observed));
  if (own.length === 0) return [];
  const certificates = certificatesOf(own, observed);
  const all = own.flatMap((ingress) => entriesOf(ingress, observed)).filter(({ action }) => !broken.has(action.id));
  const shape = (listener: string, secure: boolean, entries: readonly Entry[]): Door => ({
    owner: '', port: secure ? 443 : 80, secure, tlsEntries: [], entries: sorted(entries).map((entry) => ({ ...entry, listener })),
    listeners: secure ? listenersOf(certificates) : [{ name: listener, hostname: '', certificates: [], takes: 'requests' }],
  });
  const plain = shape(PLAIN, false, all.map((entry) => (entry.toTls && hasCertificate(certificates, entry.hostname) ? redirected(entry) : entry)));
  return certificates.size === 0 ? [plain] : [plain, shape('tls', true, all)];
}

interface IngressEntry extends Entry { toTls: boolean }

function redirected(entry: IngressEntry): Entry {
  return { ...entry, action: { ...entry.action, id: `${entry.action.id}:tls`, filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 308 } }], targets: [{ weight: 1, filters: [] }] } };
}

/** Of the place of a default backend: after all rules. */
const DEFAULT_AT = Number.MAX_SAFE_INTEGER;

/** Hosts before no host; of paths the exact before the longest prefix. A default backend has what no rule of any Ingress for the host takes (Ingress.spec.defaultBackend). */
function sorted(entries: readonly Entry[]): Entry[] {
  const isDefault = ({ at }: Entry): number => Number(at[0] === DEFAULT_AT);
  return entries.toSorted((a, b) => compareHostnames(a.hostname, b.hostname) || isDefault(a) - isDefault(b) || compareMatches(a, b));
}

/** By hostname; those of one name, the oldest Ingress's. */
function certificatesOf(ingresses: readonly Ingress[], observed: Observed): Map<string, TlsPair> {
  const found = new Map<string, TlsPair>();
  const keyOf = ({ metadata }: Ingress): string => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  for (const { metadata, spec } of ingresses.toSorted((a, b) => compareText(keyOf(a), keyOf(b)))) {
    for (const { hosts = [], secretName } of spec?.tls ?? []) {
      const own = secretName ? certificateOf(observed, metadata.namespace ?? '', secretName) : undefined;
      for (const host of hosts.length > 0 ? hosts : ['']) {
        const pair = own !== undefined && !isFailure(own) ? own : observed.localCertificate?.(host);
        if (pair !== undefined && !found.has(host)) found.set(host, pair);
      }
    }
  }
  return found;
}

/** One listener: a request's host may be any that it has come to by TLS. */
function listenersOf(certificates: ReadonlyMap<string, TlsPair>): DoorListener[] {
  return [...certificates].sort(([a], [b]) => compareHostnames(a, b)).map(([hostname, pair]) => ({ name: 'tls', hostname, certificates: [pair], takes: 'requests' }));
}

/** A `tls` entry without hosts is for all of them (IngressTLS.hosts). */
function hasCertificate(certificates: ReadonlyMap<string, TlsPair>, hostname: string): boolean {
  return certificates.has('') || certificates.has(hostname) || certificates.has(`*.${hostname.split('.').slice(1).join('.')}`);
}

function entriesOf(ingress: Ingress, observed: Observed): IngressEntry[] {
  const { namespace = '', name = '', creationTimestamp = '', annotations } = ingress.metadata;
  const common = { listener: PLAIN, oneLabel: true, age: creationTimestamp, key: `${namespace}/${name}`, toTls: annotations?.[SSL_REDIRECT] === 'true' };
  const actionOf = (backend: IngressBackend | undefined, place: string): Action => ({ id: `Ingress:${namespace}:${name}:${place}`, filters: [], targets: [targetOf(backend, namespace, observed)], grpc: false });
  const entries: IngressEntry[] = (ingress.spec?.rules ?? []).flatMap(({ host, http }, ruleAt) => (http?.paths ?? []).map((path, pathAt) => ({ ...common, hostname: host ?? '', match: matchOf(path), action: actionOf(path.backend, `${ruleAt}.${pathAt}`), at: [ruleAt, pathAt] as const })));
  const { defaultBackend, rules = [] } = ingress.spec ?? {};
  if (defaultBackend === undefined) return entries;
  // What no rule takes, of the hosts of this Ingress; without rules of everything.
  const hosts = new Set(rules.length === 0 ? [''] : rules.map(({ host }) => host ?? ''));
  const rest: Match = { path: { type: 'PathPrefix', value: '/' }, headers: [], queryParams: [] };
  return [...entries, ...[...hosts, ''].filter((each, index, all) => all.indexOf(each) === index).map((hostname) => ({ ...common, hostname, match: rest, action: actionOf(defaultBackend, 'default'), at: [DEFAULT_AT, 0] as const }))];
}

function matchOf({ path = '/', pathType }: HTTPIngressPath): Match {
  return { path: { type: (pathType as string) === 'Exact' ? 'Exact' : 'PathPrefix', value: path === '' ? '/' : path }, headers: [], queryParams: [] };
}

/** A backend that is not there answers 503, as for a Service without endpoints: Ingress knows no other word for it. */
function targetOf(backend: IngressBackend | undefined, namespace: string, observed: Observed): Target {
  const { name = '', port } = backend?.service ?? {};
  const serviceKey = `${namespace}/${name}`;
  const found = observed.service(serviceKey)?.spec?.ports?.find((each) => (port?.name ? each.name === port.name : each.port === port?.number));
  if (found === undefined) return { weight: 1, status: 503, filters: [] };
  const balancing = balancingOf(observed.service(serviceKey));
  return { weight: 1, filters: [], backend: { serviceKey, portName: found.name ?? '', protocol: found.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'http', ...(balancing === undefined ? {} : { balancing }) } };
}
