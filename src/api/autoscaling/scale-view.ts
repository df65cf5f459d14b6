/** scale: the autoscaling/v1 view of an object that has replicas. */
import { AGE, column, NAME } from '../columns.ts';
import { ApiError } from '../errors.ts';
import { invalidObject, invalid } from '../field-error.ts';
import { defineKind, type Kind, type ScalePaths } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { cloneJson, isJsonObject, type JsonObject } from '../json.ts';
import { apiVersionOf, type Json, type KubeObject } from '../meta.ts';
import { formatSelector } from '../selector.ts';

export interface Scale extends KubeObject {
  spec: { replicas?: number };
  status: { replicas: number; selector?: string };
}

/** How a Scale is shown; it is a view and never stored. */
export const ScaleView: Kind = defineKind<Scale>({
  group: 'autoscaling', version: 'v1', kind: 'Scale', plural: 'scales', namespaced: true,
  schema: () => schemaOf('autoscaling', 'v1', 'Scale'),
  columns: [NAME, column('Desired', ({ spec }) => spec.replicas ?? 0), column('Available', ({ status }) => status.replicas), AGE],
}) as unknown as Kind;

export function scaleOf(paths: ScalePaths, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberAt(object, paths.specReplicasPath);
  const status: Scale['status'] = { replicas: numberAt(object, paths.statusReplicasPath) ?? 0 };
  const selector = paths.labelSelectorPath === undefined ? undefined : valueAt(object, paths.labelSelectorPath);
  const text = typeof selector === 'string' ? selector : isJsonObject(selector) ? formatSelector(asSelector(selector)) : undefined;
  if (text !== undefined && text !== '') status.selector = text;
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, spec: replicas === undefined ? {} : { replicas }, status };
}

/** As {@link scaleOf}, for who asks for it. Throws InternalError where the object says no replicas (apiextensions registry/customresource, ScaleREST.Get). */
export function readScale(paths: ScalePaths, object: KubeObject): Scale {
  const scale = scaleOf(paths, object);
  if (scale.spec.replicas === undefined) throw new ApiError('InternalError', `Internal error occurred: the spec replicas field ${JSON.stringify(paths.specReplicasPath)} does not exist`);
  return scale;
}

/** Gives the parent the replicas that a Scale asks for. */
export function setReplicas(paths: ScalePaths, object: KubeObject, replicas: number): void {
  setAt(object as unknown as JsonObject, paths.specReplicasPath, replicas);
}

/** A copy of the object with the replicas that the scale asks for, and with its resourceVersion and uid as preconditions. */
export function withScale(paths: ScalePaths, live: KubeObject, scale: unknown): KubeObject {
  if (!isJsonObject(scale)) throw new ApiError('BadRequest', 'the body of the request must be an autoscaling/v1 Scale');
  const { spec, metadata } = scale as unknown as Partial<Scale>;
  const replicas = spec?.replicas ?? 0;
  const name = live.metadata.name ?? '';
  if (!Number.isSafeInteger(replicas) || replicas < 0) throw invalidObject({ group: 'autoscaling', kind: 'Scale' }, name, [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')]);
  if (metadata?.name !== undefined && metadata.name !== '' && metadata.name !== name) throw new ApiError('BadRequest', `the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  const next = cloneJson(live);
  setReplicas(paths, next, replicas);
  if (metadata?.resourceVersion) next.metadata.resourceVersion = metadata.resourceVersion;
  if (metadata?.uid) next.metadata.uid = metadata.uid;
  return next;
}

/** What applying a Scale says of its parent. Throws BadRequest for another version or kind. */
export function appliedScale(paths: ScalePaths, kind: Pick<Kind, 'group' | 'version' | 'kind'>, name: string, scale: Json): JsonObject {
  if (!isJsonObject(scale) || scale['kind'] !== 'Scale') throw new ApiError('BadRequest', 'the body of the request must be an autoscaling/v1 Scale');
  if (scale['apiVersion'] !== 'autoscaling/v1') throw new ApiError('BadRequest', `Incorrect version specified in apply patch. Specified patch version: ${String(scale['apiVersion'] ?? '')}, expected: autoscaling/v1`);
  const { metadata, spec } = scale;
  if (isJsonObject(metadata) && metadata['name'] !== undefined && metadata['name'] !== name) throw new ApiError('BadRequest', `the name of the object (${String(metadata['name'])}) does not match the name on the URL (${name})`);
  const applied: JsonObject = { apiVersion: apiVersionOf(kind.group, kind.version), kind: kind.kind, metadata: { name } };
  const replicas = isJsonObject(spec) ? spec['replicas'] : undefined;
  if (replicas !== undefined && replicas !== null) setAt(applied, paths.specReplicasPath, replicas);
  return applied;
}

/** Workloads keep a LabelSelector; the old ones a plain map. */
function asSelector(value: JsonObject): { matchLabels?: Record<string, string> } {
  return 'matchLabels' in value || 'matchExpressions' in value ? (value as never) : { matchLabels: value as Record<string, string> };
}

function valueAt(object: KubeObject, path: string): Json | undefined {
  let value: Json | undefined = object as unknown as Json;
  for (const part of partsOf(path)) value = isJsonObject(value) ? value[part] : undefined;
  return value;
}

function numberAt(object: KubeObject, path: string): number | undefined {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : undefined;
}

function setAt(object: JsonObject, path: string, value: Json): void {
  const parts = partsOf(path);
  let at = object;
  for (const part of parts.slice(0, -1)) {
    const inner = at[part];
    at = isJsonObject(inner) ? inner : ((at[part] = {}) as JsonObject);
  }
  at[parts.at(-1)!] = value;
}

function partsOf(path: string): string[] {
  return path.split('.').filter((part) => part !== '');
}
