/** create: identify, default, admit, prepare, validate, store (upstream: registry/generic/registry Store.Create). */
import { randomUUID } from 'node:crypto';
import { alreadyExists, ApiError, isApiError } from '../../../api/errors.ts';
import { cloneJson } from '../../../api/json.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { resetFieldsOf, updateManagedFields } from '../../../api/merge/apply/index.ts';
import type { AdmissionRequest } from '../../../sdk/module.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { isStoreError, StoreError, type Stored } from '../../store/store.ts';
import { outcomeOf, type Door, type Outcome, type WriteContext } from '../door.ts';
import { badRequest } from '../errors.ts';
import { apiVersionOfKind, keyOf, schemaOfKind } from '../kind-table.ts';
import { betweenSteps } from './between-steps.ts';
import { convertedOne, toStored } from './conversion.ts';
import { confirmed } from './confirmed.ts';
import { identify } from './identify.ts';
import { admitted } from './admitted.ts';
import { distinctOwners } from './distinct-owners.ts';
import { generateName } from './names.ts';
import { orWithoutManagers } from './or-without-managers.ts';
import { checkNamespace } from './namespaces.ts';
import { applyDefaults, validateNew } from './schema-steps.ts';

export interface CreateInput {
  namespace?: string;
  name?: string;
  /** Ours to change and to keep. */
  object: unknown;
  /** Apply has said already who owns which field. */
  keepManagedFields?: boolean;
}

const GENERATE_TRIES = 8;

export function createObject(door: Door, kind: Kind, input: CreateInput, context: WriteContext): Promise<Outcome> {
  return confirmed(door, () => create(door, kind, input, context));
}

async function create(door: Door, kind: Kind, input: CreateInput, context: WriteContext): Promise<Outcome> {
  const pace = betweenSteps(context);
  if (pace !== undefined) await pace();
  const object = identify(kind, input.object, input, context);
  const { metadata } = object;
  if (kind.namespaced && !metadata.namespace) throw badRequest('an empty namespace may not be set during creation');
  if (metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  applyDefaults(kind, object);
  const now = rfc3339(door.clock.nowMs());
  distinctOwners(metadata, context.warnings, { afterAdmission: false });
  // Before admission: what the steps add belongs to nobody, and so is nobody's conflict (upstream: endpoints/handlers/create.go).
  if (pace !== undefined) await pace();
  if (input.keepManagedFields !== true) recordManager(kind, object, context.manager, now);
  if (pace !== undefined) await pace();
  const request: AdmissionRequest = { operation: 'CREATE', kind, namespace: metadata.namespace, ...(metadata.name ? { name: metadata.name } : {}), object, oldObject: undefined, user: context.user, dryRun: context.dryRun, warnings: context.warnings, fieldManager: context.manager, ...(context.options === undefined ? {} : { options: context.options }), ...(context.annotate === undefined ? {} : { annotate: context.annotate }), ...(context.deadline === undefined ? {} : { deadline: context.deadline }) };
  if (kind.namespaced) checkNamespace(door, kind, metadata.namespace!, metadata.name);
  await admitted(door, request);
  const creation: Creation = { ...request, object };
  const isApplied = input.keepManagedFields === true;
  return object.metadata.name || !object.metadata.generateName ? storeNamed(door, creation, { now, isApplied }, context) : storeGenerated(door, creation, { now, isApplied }, context);
}

interface Creation extends AdmissionRequest { object: KubeObject }
interface Made {
  /** RFC 3339. */
  now: string;
  isApplied: boolean;
}

/** The name is made when all have changed what they change, once for each try (upstream: Store.createWithGenerateNameRetry). */
async function storeGenerated(door: Door, request: Creation, made: Made, context: WriteContext): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    const object = cloneJson(request.object);
    object.metadata.name = generateName(object.metadata.generateName!);
    try {
      return await storeNamed(door, { ...request, object }, made, context);
    } catch (error) {
      if (tries === GENERATE_TRIES || !isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}

async function storeNamed(door: Door, request: Creation, { now, isApplied }: Made, context: WriteContext): Promise<Outcome> {
  const { kind, object } = request;
  const { namespace } = object.metadata;
  const pace = betweenSteps(context);
  if (object.metadata.name) request.name = object.metadata.name;
  await door.admissions.allocate(request);
  setSystemFields(kind, object, now);
  kind.rules.prepareForCreate?.(object);
  validateNew(kind, object, context);
  if (pace !== undefined) await pace();
  await door.admissions.validate(request);
  const { name = '' } = object.metadata;
  const key = keyOf(kind, namespace, name);
  context.deadline?.throwIfAborted();
  try {
    const store = async (): Promise<Stored> => door.store.create(key, await toStored(kind, object));
    if (!context.dryRun) return outcomeOf(await convertedOne(kind, await (isApplied ? store() : orWithoutManagers(object, store))));
    if (kind.conversion !== undefined) await toStored(kind, object); // what could not be kept is told of
    if (door.store.newest(key) !== undefined) throw new StoreError('exists', `${key} is there already`);
    return { object };
  } catch (error) {
    if (!isStoreError(error, 'exists')) throw error;
    throw existing(kind, object, door.store.newest(key)?.object);
  }
}

/** Upstream says so of every object that has a generateName, whoever gave it its name. */
function existing(kind: Kind, { metadata: { name = '', generateName: prefix } }: KubeObject, there: KubeObject | undefined): ApiError {
  const plain = alreadyExists(kind, name);
  const deleting = there?.metadata.deletionTimestamp === undefined ? '' : 'object is being deleted: ';
  if (!prefix) return new ApiError('AlreadyExists', `${deleting}${plain.message}`, plain.details);
  return new ApiError('AlreadyExists', `${deleting}${plain.message}, the server was not able to generate a unique name for the object`, { ...plain.details, retryAfterSeconds: 1 });
}

function setSystemFields(kind: Kind, object: KubeObject, now: string): void {
  const { metadata } = object;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = now;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  if (kind.rules.generation === false) delete metadata.generation;
  else metadata.generation = 1;
}

function recordManager(kind: Kind, next: KubeObject, manager: string, now: string): void {
  updateManagedFields({ schema: schemaOfKind(kind), live: undefined, next, manager, apiVersion: apiVersionOfKind(kind), now, reset: resetFieldsOf(kind, '') });
}
