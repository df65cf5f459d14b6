/** EndpointSlice (discovery.k8s.io/v1). */
import { ipErrors, ipWarnings } from '../ip-validation.ts';
import { isIP, specialAddressErrors } from '../ip.ts';
import type { Endpoint, EndpointPort, EndpointSlice as EndpointSliceType } from '../generated/discovery-v1.ts';
import { AGE, column, NAME, showSome } from '../columns.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabels } from '../metadata-validation.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, labelKeyErrors, labelValueErrors, portNumberErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type EndpointSlice = EndpointSliceType;

const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;
const MAX_ADDRESSES = 100;
const MAX_HINTS = 8;
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const HOSTNAME = 'kubernetes.io/hostname';
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export const EndpointSlice: Kind<EndpointSlice> = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices', namespaced: true,
  schema: () => schemaOf('discovery.k8s.io', 'v1', 'EndpointSlice'),
  rules: {
    defaults(slice) {
      for (const port of slice.ports ?? []) {
        port.name ??= '';
        port.protocol ??= 'TCP';
      }
    },
    prepareForCreate: dropTopology,
    prepareForUpdate(slice, old) {
      if (hasTopology(slice) && !equalJson(slice.endpoints, old.endpoints)) dropTopology(slice);
      // Whose slice it is says a label, so a change of labels counts.
      if (old.metadata.generation !== undefined && !equalJson(slice.metadata.labels ?? {}, old.metadata.labels ?? {})) slice.metadata.generation = old.metadata.generation + 1;
    },
    validate: sliceErrors,
    // Those of the controllers are of no concern to who changes something else about them.
    warnings: (slice) => (slice.metadata.labels?.[MANAGED_BY]?.endsWith('-controller.k8s.io') === true || slice.addressType === 'FQDN' as string ? [] : (slice.endpoints ?? []).flatMap(({ addresses }, index) => (addresses ?? []).flatMap((each, at) => ipWarnings(`endpoints[${index}].addresses[${at}]`, each)))),
  },
  columns: [
    NAME,
    column('AddressType', (slice) => slice.addressType ?? ''),
    column('Ports', (slice) => showSome((slice.ports ?? []).map(({ port, name }) => (port !== undefined ? String(port) : name || '*')), '<unset>')),
    column('Endpoints', (slice) => showSome((slice.endpoints ?? []).flatMap(({ addresses }) => addresses), '<unset>')),
    AGE,
  ],
});

/** What v1beta1 had is no part of v1: it goes, unsaid (upstream: registry/discovery/endpointslice, dropTopologyOnV1). */
function dropTopology(slice: EndpointSlice): void {
  if (!hasTopology(slice)) return;
  slice.endpoints = (slice.endpoints ?? []).map((each) => {
    const endpoint = { ...each };
    delete endpoint.deprecatedTopology;
    return endpoint;
  });
}

function hasTopology({ endpoints }: EndpointSlice): boolean {
  return endpoints?.some(({ deprecatedTopology }) => deprecatedTopology !== undefined) === true;
}

function sliceErrors(slice: EndpointSlice, old: EndpointSlice | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (!slice.addressType) errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(slice.addressType)) errors.push(notSupported('addressType', slice.addressType, ADDRESS_TYPES));
  else if (old !== undefined && old.addressType !== slice.addressType) errors.push(invalid('addressType', slice.addressType, 'field is immutable'));
  const { endpoints = [], ports = [] } = slice;
  if (endpoints.length > MAX_ENDPOINTS) return [...errors, tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)];
  if (ports.length > MAX_PORTS) return [...errors, tooMany('ports', ports.length, MAX_PORTS)];
  const kept = new Set((old?.endpoints ?? []).flatMap(({ addresses }) => addresses));
  endpoints.forEach((endpoint, index) => errors.push(...endpointErrors(endpoint, slice.addressType, `endpoints[${index}]`, kept)));
  const names = new Set<string>();
  ports.forEach((port, index) => errors.push(...portErrors(port, names, `ports[${index}]`)));
  return errors;
}

function endpointErrors(endpoint: Endpoint, addressType: string, path: string, kept: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES));
  addresses.forEach((address, index) => {
    const at = `${path}.addresses[${index}]`;
    if (addressType === 'IPv4' || addressType === 'IPv6') {
      const malformed = ipErrors(at, address, kept);
      const foreign = malformed.length > 0 || `IPv${isIP(address)}` === addressType ? [] : [invalid(at, address, `must be a valid ${addressType} address`)];
      errors.push(...malformed, ...foreign, ...specialAddressErrors(address).map((error) => invalid(at, address, error)));
    }
    if (addressType === 'FQDN') errors.push(...domainErrors(address, at));
  });
  if (endpoint.hostname !== undefined) for (const error of dns1123LabelErrors(endpoint.hostname)) errors.push(invalid(`${path}.hostname`, endpoint.hostname, error));
  const topology = endpoint.deprecatedTopology ?? {};
  errors.push(...validateLabels(topology, `${path}.deprecatedTopology`));
  if (topology[HOSTNAME] !== undefined) errors.push(invalid(`${path}.deprecatedTopology[${HOSTNAME}]`, '', 'may not be set, use the nodeName field instead'));
  errors.push(...hintErrors(endpoint.hints?.forZones, `${path}.hints.forZones`, labelValueErrors), ...hintErrors(endpoint.hints?.forNodes, `${path}.hints.forNodes`, dns1123SubdomainErrors));
  if (endpoint.nodeName !== undefined) for (const error of dns1123SubdomainErrors(endpoint.nodeName)) errors.push(invalid(`${path}.nodeName`, endpoint.nodeName, error));
  return errors;
}

/** Of at least two labels; it may end with the dot of the root (upstream: IsFullyQualifiedDomainName). */
function domainErrors(text: string, path: string): FieldError[] {
  if (text === '') return [required(path)];
  const name = text.replace(/\.$/, '');
  const malformed = dns1123SubdomainErrors(name);
  if (malformed.length > 0) return [invalid(path, name, malformed.join(','))];
  const labels = name.split('.');
  if (labels.length < 2) return [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
  return labels.flatMap((label) => dns1123LabelErrors(label).map((error) => invalid(path, label, error)));
}

function hintErrors(hints: readonly { name: string }[] = [], path: string, nameErrors: (name: string) => string[]): FieldError[] {
  if (hints.length > MAX_HINTS) return [tooMany(path, hints.length, MAX_HINTS)];
  const names = hints.map(({ name }) => name ?? '');
  return names.flatMap((name, index) => {
    const at = `${path}[${index}].name`;
    return [...(names.indexOf(name) < index ? [duplicate(at, name)] : []), ...nameErrors(name).map((error) => invalid(at, name, error))];
  });
}

function portErrors(port: EndpointPort, names: Set<string>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = port.name ?? '';
  if (name !== '') for (const error of dns1123LabelErrors(name)) errors.push(invalid(`${path}.name`, name, error));
  if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
  names.add(name);
  if (port.port !== undefined) for (const error of portNumberErrors(port.port)) errors.push(invalid(`${path}.port`, port.port, error));
  if (port.appProtocol !== undefined) for (const error of labelKeyErrors(port.appProtocol)) errors.push(invalid(`${path}.appProtocol`, port.appProtocol, error));
  if (!PROTOCOLS.includes(port.protocol ?? '')) errors.push(notSupported(`${path}.protocol`, port.protocol ?? '', PROTOCOLS));
  return errors;
}

function tooMany(path: string, count: number, max: number): FieldError {
  return { type: 'FieldValueTooMany', field: path, message: `Too many: ${count}: must have at most ${max} items` };
}
