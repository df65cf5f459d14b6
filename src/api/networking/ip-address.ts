/** IPAddress (networking.k8s.io/v1, and v1beta1): that somebody has an address, such as a Service its own; nobody else gets it then (KEP-1880). */
import type { IPAddress as IPAddressType } from '../generated/networking-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { canonicalIp } from '../ip.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type IPAddress = IPAddressType;

const GROUP = 'networking.k8s.io';

export const IPAddress: Kind<IPAddress> = defineKind<IPAddress>({
  group: GROUP, version: 'v1', storageVersion: 'v1', kind: 'IPAddress', plural: 'ipaddresses', namespaced: false, shortNames: ['ip'],
  schema: () => schemaOf(GROUP, 'v1', 'IPAddress'),
  rules: { generation: false, nameErrors: addressErrors, validate: parentErrors },
  columns: [NAME, column('ParentRef', ({ spec }) => parentOf(spec?.parentRef)), AGE],
});

export const IPAddressV1Beta1: Kind<IPAddress> = { ...IPAddress, version: 'v1beta1', schema: () => schemaOf(GROUP, 'v1beta1', 'IPAddress') };

/** `services/default/kubernetes` */
function parentOf(parent: NonNullable<IPAddress['spec']>['parentRef']): string {
  if (parent === undefined) return '<none>';
  return [`${parent.resource ?? ''}${parent.group ? `.${parent.group}` : ''}`, ...(parent.namespace ? [parent.namespace] : []), parent.name ?? ''].join('/');
}

function addressErrors(name: string): string[] {
  const right = canonicalIp(name);
  if (right === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  return right === name ? [] : [`must be in canonical form ("${right}")`];
}

function parentErrors({ spec }: IPAddress, old: IPAddress | undefined): FieldError[] {
  const [parent, at] = [spec?.parentRef, 'spec.parentRef'];
  if (old !== undefined) return equalJson(parent ?? {}, old.spec?.parentRef ?? {}) ? [] : [invalid(at, parent ?? {}, 'field is immutable')];
  if (parent === undefined) return [required(at)];
  const errors = (['resource', 'name'] as const).flatMap((field) => pathErrors(parent[field], `${at}.${field}`, true));
  errors.push(...pathErrors(parent.namespace, `${at}.namespace`, false));
  if (parent.group) errors.push(...dns1123SubdomainErrors(parent.group).map((each) => invalid(`${at}.group`, parent.group ?? '', each)));
  return errors;
}

/** Names as they may stand in paths. */
function pathErrors(text: string | undefined, path: string, needed: boolean): FieldError[] {
  if (!text) return needed ? [required(path)] : [];
  if (text === '.' || text === '..') return [invalid(path, text, `may not be '${text}'`)];
  return /[/%]/.test(text) ? [invalid(path, text, "may not contain '/' or '%'")] : [];
}
