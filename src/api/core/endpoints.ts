/** Endpoints (core/v1). */
import { ipErrors, ipWarnings } from '../ip-validation.ts';
import { specialAddressErrors } from '../ip.ts';
import type { EndpointAddress, EndpointPort, Endpoints as EndpointsType, EndpointSubset } from '../generated/core-v1.ts';
import { AGE, column, NAME, showSome } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, portNumberErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Endpoints = EndpointsType;

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const CONTROLLER = 'endpoint-controller';

export const Endpoints: Kind<Endpoints> = defineKind<Endpoints>({
  group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true,
  shortNames: ['ep'],
  schema: () => schemaOf('', 'v1', 'Endpoints'),
  rules: {
    generation: false,
    allowCreateOnUpdate: true,
    defaults(endpoints) {
      for (const subset of endpoints.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP';
    },
    validate: endpointsErrors,
    // The controller's own are of no concern to who changes something else about them.
    warnings: (endpoints) => (endpoints.metadata.labels?.[MANAGED_BY] === CONTROLLER ? [] : addressesOf(endpoints).flatMap(({ ip, path }) => ipWarnings(path, ip))),
    deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  },
  columns: [NAME, column('Endpoints', (endpoints) => showSome((endpoints.subsets ?? []).flatMap(showSubset), '<none>')), AGE],
});

function showSubset(subset: EndpointSubset): string[] {
  const addresses = subset.addresses ?? [];
  if ((subset.ports ?? []).length === 0) return addresses.map(({ ip = '' }) => ip);
  return subset.ports!.flatMap(({ port }) => addresses.map(({ ip = '' }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
}

function addressesOf(endpoints: Endpoints | undefined): { ip: string; path: string }[] {
  return (endpoints?.subsets ?? []).flatMap((subset, index) => (['addresses', 'notReadyAddresses'] as const).flatMap((field) => (subset[field] ?? []).map(({ ip }, at) => ({ ip, path: `subsets[${index}].${field}[${at}].ip` }))));
}

function endpointsErrors({ subsets = [] }: Endpoints, old: Endpoints | undefined): FieldError[] {
  const kept = new Set(addressesOf(old).map(({ ip }) => ip));
  return subsets.flatMap((subset, index) => subsetErrors(subset, `subsets[${index}]`, kept));
}

function subsetErrors(subset: EndpointSubset, path: string, kept: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  if (addresses.length === 0 && notReadyAddresses.length === 0) errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  addresses.forEach((address, index) => errors.push(...addressErrors(address, `${path}.addresses[${index}]`, kept)));
  notReadyAddresses.forEach((address, index) => errors.push(...addressErrors(address, `${path}.notReadyAddresses[${index}]`, kept)));
  ports.forEach((port, index) => errors.push(...portErrors(port, `${path}.ports[${index}]`, ports.length > 1)));
  return errors;
}

function addressErrors(address: EndpointAddress, path: string, kept: ReadonlySet<string>): FieldError[] {
  const { ip = '' } = address;
  const malformed = ipErrors(`${path}.ip`, ip, kept);
  const errors = malformed.length > 0 ? malformed : specialAddressErrors(ip).map((error) => invalid(`${path}.ip`, ip, error));
  if (address.hostname) for (const error of dns1123LabelErrors(address.hostname)) errors.push(invalid(`${path}.hostname`, address.hostname, error));
  return errors;
}

function portErrors(port: EndpointPort, path: string, needsName: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (needsName && !port.name) errors.push(required(`${path}.name`));
  else if (port.name) for (const error of dns1123LabelErrors(port.name)) errors.push(invalid(`${path}.name`, port.name, error));
  for (const error of portNumberErrors(port.port ?? 0)) errors.push(invalid(`${path}.port`, port.port ?? 0, error));
  if (!['TCP', 'UDP', 'SCTP'].includes(port.protocol ?? 'TCP')) errors.push(notSupported(`${path}.protocol`, port.protocol, ['TCP', 'UDP', 'SCTP']));
  return errors;
}
