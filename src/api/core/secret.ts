/** Secret (core/v1). */
import type { Secret as SecretType } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { immutableErrors, keyErrors, sizeErrors } from './key-values.ts';

export type Secret = SecretType;

export const Secret: Kind<Secret> = defineKind<Secret>({
  group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true,
  schema: () => schemaOf('', 'v1', 'Secret'),
  rules: {
    generation: false,
    defaults(secret) {
      secret.type ||= 'Opaque';
      foldStringData(secret);
    },
    validate: (secret, old) => [
      ...keyErrors(secret.data, 'data'),
      ...base64Errors(secret),
      ...sizeErrors({ base64: secret.data }, 'data'),
      ...typeErrors(secret),
      ...(old !== undefined && secret.type !== old.type ? [invalid('type', secret.type, 'field is immutable')] : []),
      ...immutableErrors(secret, old, { names: ['data'] }),
    ],
  },
  columns: [NAME, column('Type', (secret) => secret.type ?? ''), column('Data', (secret) => Object.keys(secret.data ?? {}).length), AGE],
  selectableFields: { type: (secret) => secret.type ?? '' },
});

/** stringData is write-only: it ends in data, over what data has. */
function foldStringData(secret: Secret): void {
  if (secret.stringData === undefined) return;
  for (const [key, text] of Object.entries(secret.stringData)) (secret.data ??= {})[key] = Buffer.from(text).toString('base64');
  delete secret.stringData;
}

function base64Errors(secret: Secret): FieldError[] {
  return Object.entries(secret.data ?? {}).flatMap(([key, value]) => (
    typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? [] : [invalid(`data[${key}]`, '<secret contents redacted>', 'must be base64; put plain text into stringData')]));
}

/** The keys that some types must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function requiredKeys({ type = '' }: Secret): readonly string[] {
  return (Object.hasOwn(REQUIRED_KEYS, type) ? REQUIRED_KEYS[type] : undefined) ?? [];
}

function typeErrors(secret: Secret): FieldError[] {
  const data = secret.data ?? {};
  const errors = requiredKeys(secret).filter((key) => data[key] === undefined).map((key) => required(`data[${key}]`));
  if (secret.type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined) {
    errors.push(required('data[username]'), required('data[password]'));
  }
  if (secret.type === 'kubernetes.io/service-account-token' && !secret.metadata.annotations?.['kubernetes.io/service-account.name']) {
    errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  for (const key of ['.dockercfg', '.dockerconfigjson']) {
    if (!requiredKeys(secret).includes(key) || data[key] === undefined) continue;
    try {
      JSON.parse(Buffer.from(data[key], 'base64').toString());
    } catch (error) {
      errors.push(invalid(`data[${key}]`, '<secret contents redacted>', error instanceof Error ? error.message : String(error)));
    }
  }
  return errors;
}
