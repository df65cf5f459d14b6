/** Puts what a webhook made in the place of the object: read strictly, pruned and defaulted as if a client had sent it. */
import { ApiError } from '../../api/errors.ts';
import { isJsonObject } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf, type KubeObject, type ObjectMeta } from '../../api/meta.ts';
import { cannotBeHandled, checkFields } from '../../api/schema/check-fields.ts';
import { applyDefaults } from '../../api/schema/default.ts';
import { schemaOf } from '../../api/schema/facts.ts';
import { prune } from '../../api/schema/prune.ts';
import type { Schema } from '../../api/schema/schema.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';

/** What is the door's alone. */
const KEPT = ['namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'resourceVersion'] as const;

/** Changes `request.object`. Throws InternalError where `next` is no object of the kind. */
export function replaceObject(request: AdmissionRequest, next: KubeObject): void {
  const object = request.object!;
  const { kind, schema, defaults, apiVersion } = formOf(request, object);
  const refuse = (why: string): ApiError => new ApiError('InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
  // Options of what connects have no metadata.
  const old = object.metadata as ObjectMeta | undefined;
  if (!isJsonObject(next) || (old !== undefined && !isJsonObject(next.metadata))) throw refuse(`a webhook made something of the ${kind} that is no object`);
  const { typeError } = checkFields(schema, next);
  if (typeError !== undefined) throw refuse(cannotBeHandled({ kind, version: apiVersion.slice(apiVersion.indexOf('/') + 1) }, typeError));
  if (old !== undefined) keepMetadata(old, next.metadata as Record<string, unknown> & ObjectMeta);
  for (const key of Object.keys(object)) if (key !== 'apiVersion' && key !== 'kind') delete (object as unknown as Record<string, unknown>)[key];
  Object.assign(object, next, { apiVersion, kind });
  prune(schema, object);
  if (request.subresource !== 'status') {
    applyDefaults(schema, object);
    defaults?.(object);
  }
}

function keepMetadata(old: ObjectMeta, metadata: Record<string, unknown> & ObjectMeta): void {
  for (const field of KEPT) {
    if (old[field] === undefined) delete metadata[field];
    else (metadata as Record<string, unknown>)[field] = old[field];
  }
  if (old.name) metadata.name = old.name;
}

interface Form {
  apiVersion: string;
  kind: string;
  schema: Schema;
  defaults?(object: KubeObject): void;
}

/** As what the object of a request is read: as its kind, or as what is made or connects at a subresource, such as a TokenRequest. */
export function formOf({ kind, body, operation }: AdmissionRequest, object: KubeObject, as: Kind = kind): Form {
  if (body === undefined && operation !== 'CONNECT') return { apiVersion: apiVersionOf(as.group, as.version), kind: as.kind, schema: as.schema(), ...(kind.rules.defaults === undefined ? {} : { defaults: kind.rules.defaults }) };
  const { apiVersion = '', kind: own = '' } = object;
  const slash = apiVersion.indexOf('/');
  return { apiVersion, kind: own, schema: schemaOf(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), own) };
}
