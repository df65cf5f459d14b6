/** EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are sealed on the disk, and by which keys (upstream: apiserver/pkg/apis/apiserver/validation, encryption). */
import { duplicate, invalid, required, type FieldError } from '../field-error.ts';
import { struct, text, texts } from '../schema/build.ts';
import { checkFields, strictDecodingError, unknownField } from '../schema/check-fields.ts';
import { validateSchema } from '../schema/validate.ts';
import type { Schema } from '../schema/schema.ts';

export interface EncryptionConfiguration {
  apiVersion: string;
  kind: 'EncryptionConfiguration';
  resources: { resources: string[]; providers: EncryptionProvider[] }[];
}

/** One of them. */
export interface EncryptionProvider {
  aesgcm?: Keys;
  aescbc?: Keys;
  /** Written plainly. */
  identity?: object;
}

/** `secret` is base64 of 16, 24 or 32 bytes. The first key seals, all of them open. */
interface Keys { keys: { name: string; secret: string }[] }

const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);
/** Upstream's others: what they need is not here, or is not asked for by anybody who is here. */
const NOT_HERE = ['secretbox', 'kms'];
const KEY_BYTES = [16, 24, 32];

const keys = struct({ keys: { type: 'array', items: struct({ name: text, secret: text }) } });
const SCHEMA: Schema = struct({
  apiVersion: text, kind: text,
  resources: { type: 'array', items: struct({ resources: texts, providers: { type: 'array', items: struct({ aesgcm: keys, aescbc: keys, identity: { type: 'object' } }) } }) },
}, ['apiVersion', 'kind']);

/** A parsed document to a configuration. Throws an Error that says all that is wrong, and no secret. */
export function checkEncryption(document: unknown): EncryptionConfiguration {
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (!VERSIONS.includes(String(apiVersion)) || kind !== 'EncryptionConfiguration') throw new Error(`it must be of apiVersion ${VERSIONS[0]} and kind EncryptionConfiguration, not ${String(apiVersion)} ${String(kind)}`);
  const { unknown } = checkFields(SCHEMA, document);
  const absent = unknown.find((path) => NOT_HERE.some((name) => path.endsWith(`.${name}`)));
  if (absent !== undefined) throw new Error(`${absent}: this provider is not had here: aesgcm, aescbc and identity are`);
  if (unknown.length > 0) throw new Error(strictDecodingError(unknown.map(unknownField)));
  const shape = validateSchema(SCHEMA, document);
  const errors = shape.length > 0 ? shape : encryptionErrors(document as EncryptionConfiguration);
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return document as EncryptionConfiguration;
}

function encryptionErrors({ resources = [] }: EncryptionConfiguration): FieldError[] {
  if (resources.length === 0) return [required('resources', 'at least one resource must be specified')];
  const seen = new Set<string>();
  return resources.flatMap(({ resources: names = [], providers = [] }, index) => {
    const at = `resources[${index}]`;
    const errors: FieldError[] = [];
    if (names.length === 0) errors.push(required(`${at}.resources`, 'at least one resource must be specified'));
    if (providers.length === 0) errors.push(required(`${at}.providers`, 'at least one provider must be specified'));
    names.forEach((name, position) => {
      if (!/^(\*|[a-z0-9-]+)(\.(\*|[a-z0-9.-]+)?)?$/.test(name) || name === '*') errors.push(invalid(`${at}.resources[${position}]`, name, 'a resource is named by its plural and, outside of the core group, its group: secrets, deployments.apps, *.apps, *. or *.*'));
      else if (seen.has(name)) errors.push(duplicate(`${at}.resources[${position}]`, name));
      seen.add(name);
    });
    return [...errors, ...providers.flatMap((provider, position) => providerErrors(provider, `${at}.providers[${position}]`))];
  });
}

function providerErrors(provider: EncryptionProvider, path: string): FieldError[] {
  const named = Object.keys(provider);
  if (named.length !== 1) return [invalid(path, named.join(', '), 'exactly one provider must be named in an entry')];
  return (['aesgcm', 'aescbc'] as const).flatMap((name) => {
    const of = provider[name];
    if (of === undefined) return [];
    const own = of.keys ?? [];
    if (own.length === 0) return [required(`${path}.${name}.keys`, `keys must not be empty for provider ${name}`)];
    const names = new Set<string>();
    return own.flatMap(({ name: keyName = '', secret = '' }, index) => {
      const at = `${path}.${name}.keys[${index}]`;
      const bytes = Buffer.from(secret, 'base64').length;
      const isTwice = names.has(keyName);
      names.add(keyName);
      return [
        ...(keyName === '' ? [required(`${at}.name`)] : isTwice ? [duplicate(`${at}.name`, keyName)] : keyName.includes(':') ? [invalid(`${at}.name`, keyName, 'must not contain a colon')] : []),
        ...(secret === '' ? [required(`${at}.secret`)] : !/^[A-Za-z0-9+/]+={0,2}$/.test(secret) ? [invalid(`${at}.secret`, 'REDACTED', 'secret must be base64 encoded')] : []),
        ...(secret !== '' && !KEY_BYTES.includes(bytes) ? [invalid(`${at}.secret`, 'REDACTED', `secret is not of the expected length, got ${bytes}, expected one of [${KEY_BYTES.join(' ')}]`)] : []),
      ];
    });
  });
}
