/** Ingress (networking.k8s.io/v1). What it asks for is done by a controller that the user brings. */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { HTTPIngressPath, Ingress as IngressType, IngressBackend, IngressRule, IngressTLS } from '../generated/networking-v1.ts';
import { isIP } from '../ip.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, portNameErrors, portNumberErrors, wrongShape } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { loadBalancerErrors } from './load-balancer-status.ts';
import { referenceErrors } from './typed-reference.ts';

export type Ingress = IngressType;

/** The annotation that named the class before `spec.ingressClassName` did. */
export const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const PATH_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const PATH_SUFFIXES = ['/..', '/.'];
const SHOWN_HOSTS = 3;

export const Ingress: Kind<Ingress> = defineKind<Ingress>({
  group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', plural: 'ingresses', namespaced: true, shortNames: ['ing'],
  schema: () => schemaOf('networking.k8s.io', 'v1', 'Ingress'),
  rules: {
    prepareForCreate(ingress) {
      ingress.status = { loadBalancer: {} };
    },
    validate: ingressErrors,
    validateStatus: ({ status }, old) => loadBalancerErrors(status, old.status),
    warnings: ({ metadata }, old) => (old !== undefined || metadata.annotations?.[CLASS_ANNOTATION] === undefined ? [] : [`annotation ${JSON.stringify(CLASS_ANNOTATION)} is deprecated, please use 'spec.ingressClassName' instead`]),
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Class', ({ spec, metadata }) => spec?.ingressClassName ?? metadata.annotations?.[CLASS_ANNOTATION] ?? '<none>'),
    column('Hosts', ({ spec }) => showHosts(spec?.rules ?? [])),
    column('Address', ({ status }) => (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((each) => each !== '').join(',')),
    column('Ports', ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80')),
    AGE,
  ],
});

function showHosts(rules: readonly IngressRule[]): string {
  const hosts = rules.map(({ host }) => host || '*');
  if (hosts.length === 0) return '*';
  const more = hosts.length - SHOWN_HOSTS;
  return `${hosts.slice(0, SHOWN_HOSTS).join(',')}${more > 0 ? ` + ${more} more...` : ''}`;
}

function ingressErrors({ metadata, spec = {} }: Ingress, old: Ingress | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.rules ?? []).length === 0 && spec.defaultBackend === undefined) errors.push(invalid('spec', spec.rules ?? [], 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend !== undefined) errors.push(...backendErrors(spec.defaultBackend, 'spec.defaultBackend'));
  for (const [index, rule] of (spec.rules ?? []).entries()) errors.push(...ruleErrors(rule, `spec.rules[${index}]`));
  for (const [index, tls] of (spec.tls ?? []).entries()) errors.push(...tlsErrors(tls, `spec.tls[${index}]`));
  if (spec.ingressClassName !== undefined) for (const error of dns1123SubdomainErrors(spec.ingressClassName)) errors.push(invalid('spec.ingressClassName', spec.ingressClassName, error));
  const annotated = metadata.annotations?.[CLASS_ANNOTATION];
  if (old === undefined && annotated !== undefined && spec.ingressClassName !== undefined && annotated !== spec.ingressClassName) {
    errors.push(invalid(`annotations.${CLASS_ANNOTATION}`, annotated, 'must match `ingressClassName` when both are specified'));
  }
  return errors;
}

function ruleErrors({ host, http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (isIP(host)) errors.push(invalid(`${path}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...hostErrors(host, `${path}.host`));
  }
  if (http === undefined) return errors;
  if ((http.paths ?? []).length === 0) errors.push(required(`${path}.http.paths`));
  for (const [index, each] of (http.paths ?? []).entries()) errors.push(...pathErrors(each, `${path}.http.paths[${index}]`));
  return errors;
}

function hostErrors(host: string, path: string): FieldError[] {
  return (host.includes('*') ? wildcardErrors(host) : dns1123SubdomainErrors(host)).map((error) => invalid(path, host, error));
}

function wildcardErrors(host: string): string[] {
  const pattern = '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
  const shape = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return new RegExp(`^${pattern}$`).test(host) && host.length <= 253 ? [] : [wrongShape(shape, pattern, '*.example.com')];
}

function pathErrors({ path = '', pathType, backend }: HTTPIngressPath, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES));
  else {
    const free = pathType === 'ImplementationSpecific';
    if (!path.startsWith('/') && !(free && path === '')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
    if (!free) {
      for (const sequence of PATH_SEQUENCES) if (path.includes(sequence)) errors.push(invalid(`${at}.path`, path, `must not contain '${sequence}'`));
      for (const suffix of PATH_SUFFIXES) if (path.endsWith(suffix)) errors.push(invalid(`${at}.path`, path, `cannot end with '${suffix}'`));
    }
  }
  return [...errors, ...backendErrors(backend ?? {}, `${at}.backend`)];
}

function backendErrors({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service !== undefined && resource !== undefined) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) return referenceErrors(resource, `${path}.resource`);
  if (service === undefined) return [invalid(path, '', 'resource or service backend is required')];
  const errors = service.name ? dns1123LabelErrors(service.name).map((error) => invalid(`${path}.service.name`, service.name, error)) : [required(`${path}.service.name`)];
  const { name = '', number = 0 } = service.port ?? {};
  if (name !== '' && number !== 0) return [...errors, invalid(path, '', 'cannot set both port name & port number')];
  if (name !== '') return [...errors, ...portNameErrors(name).map((error) => invalid(`${path}.service.port.name`, name, error))];
  if (number !== 0) return [...errors, ...portNumberErrors(number).map((error) => invalid(`${path}.service.port.number`, number, error))];
  return [...errors, required(path, 'port name or number is required')];
}

function tlsErrors({ hosts, secretName }: IngressTLS, path: string): FieldError[] {
  const errors = (hosts ?? []).flatMap((host, index) => hostErrors(host, `${path}.hosts[${index}]`));
  return secretName ? [...errors, ...dns1123SubdomainErrors(secretName).map((error) => invalid(`${path}.secretName`, secretName, error))] : errors;
}
