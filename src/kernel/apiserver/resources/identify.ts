/** The part of an object that says what and where it is, made to agree with the path of the request. */
import { apiVersionOf, type KubeObject, type ObjectMeta } from '../../../api/meta.ts';
import { invalid, invalidObject } from '../../../api/field-error.ts';
import { isJsonObject, type JsonObject } from '../../../api/json.ts';
import type { Kind } from '../../../api/kind.ts';
import type { WriteContext } from '../door.ts';
import { badRequest } from '../errors.ts';
import { checkFields } from './schema-steps.ts';

/**
 * The object in the order apiVersion, kind, metadata, rest, with its namespace and name from the path where it leaves them out, and
 * without fields that the schema does not know. Throws BadRequest where it says something else than the path. The argument is ours; parts of it are taken over.
 */
export function identify(kind: Kind, value: unknown, at: { namespace?: string; name?: string }, context: WriteContext): KubeObject {
  if (!isJsonObject(value)) throw badRequest(`the body of the request must be a ${kind.kind} object`);
  checkType(kind, value);
  checkFields(kind, value as unknown as KubeObject, context);
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = value as unknown as Partial<KubeObject> & Record<string, unknown>;
  if (metadata !== undefined && metadata !== null && !isJsonObject(metadata)) throw badRequest(`${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: json: cannot unmarshal ${nameOfType(metadata)} into Go struct field ${kind.kind}.metadata of type v1.ObjectMeta`);
  const meta: ObjectMeta = isJsonObject(metadata) ? (metadata as ObjectMeta) : {};
  checkStrings(kind, meta);
  for (const key in meta) if (meta[key as keyof ObjectMeta] === null) delete meta[key as keyof ObjectMeta];
  if (kind.namespaced) placeIn(meta, at.namespace);
  else delete meta.namespace;
  if (at.name !== undefined) named(meta, at.name);
  delete meta.selfLink;
  return { apiVersion: apiVersionOf(kind.group, kind.version), kind: kind.kind, metadata: meta, ...rest } as KubeObject;
}

function checkType(kind: Kind, { apiVersion, kind: itsKind, metadata }: JsonObject): void {
  const wanted = apiVersionOf(kind.group, kind.version);
  if (itsKind !== undefined && itsKind !== '' && itsKind !== kind.kind) {
    // Custom resources are of no Go type that could not be converted: theirs is a value like others (apiextensions registry/customresource, ValidateTypeMeta).
    if (kind.isCustom === true && apiVersion === wanted) throw invalidObject({ group: kind.group, kind: String(itsKind) }, isJsonObject(metadata) ? String(metadata['name'] ?? '') : '', [invalid('kind', itsKind, `must be ${kind.kind}`)]);
    throw badRequest(`${String(itsKind)} in version ${JSON.stringify(versionOf(String(apiVersion ?? '')))} cannot be handled as a ${kind.kind}: converting (${String(apiVersion ?? '')}, Kind=${String(itsKind)}) to (${wanted}, Kind=${kind.kind}): unknown conversion`);
  }
  if (apiVersion !== undefined && apiVersion !== '' && apiVersion !== wanted) {
    throw badRequest(`the API version in the data (${String(apiVersion)}) does not match the expected API version (${wanted})`);
  }
}

/** Gives the namespace of the path where there is none. Throws BadRequest where there is another. */
export function placeIn(meta: ObjectMeta, namespace: string | undefined): void {
  if ((meta.namespace ?? '') === '') meta.namespace = namespace;
  else if (namespace !== undefined && typeof meta.namespace === 'string' && meta.namespace !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Gives the name of the path where there is none. Throws BadRequest where there is another. */
export function named(meta: ObjectMeta, name: string): void {
  if ((meta.name ?? '') === '') meta.name = name;
  else if (typeof meta.name === 'string' && meta.name !== name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`);
}

const STRINGS = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp'] as const;
const MAPS = ['labels', 'annotations'] as const;
const LISTS = ['finalizers', 'ownerReferences', 'managedFields'] as const;

function checkStrings(kind: Kind, meta: ObjectMeta): void {
  for (const field of STRINGS) if (meta[field] !== undefined && meta[field] !== null && typeof meta[field] !== 'string') throw mistyped(kind, field, meta[field], 'string');
  for (const field of LISTS) if (meta[field] !== undefined && meta[field] !== null && !Array.isArray(meta[field])) throw mistyped(kind, field, meta[field], '[]string');
  for (const field of MAPS) {
    const map = meta[field] as unknown;
    if (map === undefined || map === null) continue;
    if (!isJsonObject(map)) throw mistyped(kind, field, map, 'map[string]string');
    for (const key in map) {
      if (map[key] === null) map[key] = '';
      else if (typeof map[key] !== 'string') throw mistyped(kind, field, map[key], 'string');
    }
  }
  for (const finalizer of meta.finalizers ?? []) if (typeof finalizer !== 'string') throw mistyped(kind, 'finalizers', finalizer, 'string');
  for (const owner of meta.ownerReferences ?? []) if (!isJsonObject(owner)) throw mistyped(kind, 'ownerReferences', owner, 'v1.OwnerReference');
}

function mistyped(kind: Kind, field: string, value: unknown, type: string): Error {
  return badRequest(`${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: json: cannot unmarshal ${nameOfType(value)} into Go struct field ObjectMeta.metadata.${field} of type ${type}`);
}

function nameOfType(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value;
}

function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}
