/**
 * A Kind is a typed token and, at once, the definition by which the door serves it: names, schema, rules, subresources, columns.
 *
 * `client.get(Pod, 'web')` gives a Pod because the token carries the type. Built-in kinds are values in `src/api/<group>/`; a custom
 * resource becomes a Kind at run time. Everything here is pure: rules get an object and change or judge it.
 */
import type { FieldError } from './field-error.ts';
import type { KubeObject, Json } from './meta.ts';
import type { Schema } from './schema/schema.ts';

export type Verb = 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete' | 'deletecollection';

export const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export interface Kind<T extends KubeObject = KubeObject> {
  /** API group; '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The resource name in paths, for instance `deployments`. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** The structural schema; a function, so that the facts of a kind are read when first needed. */
  readonly schema: () => Schema;
  /** What happens to an object between decoding and storing. */
  readonly rules: Rules<T>;
  readonly subresources: Subresources<T>;
  /** All columns of `kubectl get`, the name included (see columns.ts); where no column is called Name, one is put first. Empty means Name and Age. */
  readonly columns: readonly Column<T>[];
  /** What a row of a Table says beside its cells: `Completed` hides finished pods from some views. */
  rowConditions?(object: T): { type: string; status: string; reason?: string; message?: string }[];
  /** Fields that a field selector may name beside metadata.name and metadata.namespace, with their value in an object. */
  readonly selectableFields: Readonly<Record<string, FieldReader<T>>>;
  /** Where objects are kept when another group serves the same ones (`events` of events.k8s.io): that group. */
  readonly storageGroup?: string;
  /** How objects are written there when the two say them differently; both give a new object or their argument. */
  readonly stored?: { to(object: T): KubeObject; from(stored: KubeObject): T };
  /** The version in which objects are kept, where versions of a resource differ by their names alone and there are several. */
  readonly storageVersion?: string;
  /** Whether a definition of a user's brought it: it is shown before a built-in Kind of the same path, whichever came first; default false. */
  readonly isCustom?: boolean;
  /** What a stored object lacks when it is read, such as defaults that were declared after it was written; gives its argument, frozen, when nothing. */
  completes?(object: T): T;
  /**
   * Where versions of the same objects differ by more than their name: how an object of any version becomes one of another, and in which
   * version objects are kept. Gives fresh objects in the order of its argument; rejects with ApiError.
   */
  readonly conversion?: { readonly storageApiVersion: string; convert(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> };
  /** Gives the token its type; never set. */
  readonly __type?: T;
}

/** Reads a value from an object. Written as a method so that a `Kind<Pod>` is also a `Kind`. */
export type FieldReader<T> = { read(object: T): string }['read'];

/**
 * The rules of a kind, called by the door in this order: defaults, prepareForCreate or prepareForUpdate, validate.
 * The first three change their argument, which is a fresh unfrozen copy.
 */
export interface Rules<T extends KubeObject> {
  /** Defaults beyond those of the schema facts. */
  defaults?(object: T): void;
  /** Clears what a creator may not set (status). The door itself sets uid, creationTimestamp and generation 1. */
  prepareForCreate?(object: T): void;
  /** Keeps from `old` what an update may not change. The door itself keeps status and raises generation when the spec changed. */
  prepareForUpdate?(object: T, old: T): void;
  /** As prepareForUpdate, for writes to the status subresource; the status is the writer's, and may be replaced, not changed. */
  prepareForStatusUpdate?(object: T, old: T): void;
  /** Beyond the schema. `old` is undefined on create. */
  validate?(object: T, old: T | undefined): FieldError[];
  /** As validate, for writes to the status subresource. */
  validateStatus?(object: T, old: T): FieldError[];
  /** How names look, as texts of what is wrong; default names.ts dns1123SubdomainErrors. */
  nameErrors?(name: string): string[];
  /** Fields that an update through the object's own path never changes, so that nobody owns them by writing there: the spec of a CertificateSigningRequest. Default none. */
  updateKeeps?: readonly string[];
  /** What of the metadata writes to the status subresource leave alone: all of it for custom resources and most kinds that came late. Default none. */
  statusKeeps?: 'metadata' | readonly ('labels' | 'ownerReferences')[];
  /** That the kind itself is deprecated: a Warning header of every request for it, reads too (upstream: installer.go, addWarning). */
  deprecation?: string;
  /** Texts for Warning headers of writes. `old` is undefined on create. */
  warnings?(object: T, old?: T): string[];
  /** Whether finalizers may be bare words, as those of custom resources and their definitions may; default false. */
  anyFinalizers?: boolean;
  /** Whether metadata.generation is kept; default true. */
  generation?: boolean;
  /** Whether update may create; default false. */
  allowCreateOnUpdate?: boolean;
  /** Whether objects over HTTP have to say their apiVersion and kind, which else the path tells: custom resources do. Default false. */
  namesItself?: boolean;
  /** Whether an update may leave out which version of the object it changes; default true. */
  allowUnconditionalUpdate?: boolean;
  /** Whether a delete that names no propagation policy leaves the dependents (Job and ReplicationController do, for what was before 1.8). */
  orphansDependents?: boolean;
  /** That nothing belongs to its objects, so that a delete heeds no propagation policy: nobody would take its finalizer away (upstream: rest.Unsupported). */
  ownsNothing?: boolean;
  /** The Warning header of a delete over HTTP that names no propagation policy. */
  deleteWarning?: string;
  /** Seconds of grace a delete has, when the client asks for so many or for none; 0 deletes at once. Pods have 30. Default: none, whatever is asked. */
  gracePeriodSeconds?(object: T, asked?: number): number;
}

export interface Subresources<T extends KubeObject> {
  /** Whether status is written by its own path only. */
  status?: boolean;
  scale?: ScalePaths;
  /** Requests on `/NAME/<action>` with a JSON body and answer, for instance pods/binding, pods/ephemeralcontainers, pods/resize. */
  actions?: Readonly<Record<string, Action<T>>>;
}

/** Where autoscaling/v1 Scale finds its values, as paths such as `.spec.replicas`. */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

/** A subresource that is a pure change of its parent. */
export interface Action<T extends KubeObject> {
  /** The kind of the body, for discovery, for instance `{ group: '', version: 'v1', kind: 'Binding' }`. */
  body: { group: string; version: string; kind: string };
  verbs: readonly ('create' | 'get' | 'update' | 'patch')[];
  /** Changes `object` (a copy) as `body` asks; throws ApiError. For update and patch the body is the whole object. `nowMs` is the time of the request. */
  apply(object: T, body: KubeObject, nowMs?: number): void;
  /** What the client gets back; default is the parent. */
  answers?: 'parent' | 'status';
  /** Whether the change of the spec is no new wish of a user, so that metadata.generation stays (binding). */
  keepsGeneration?: boolean;
  /** The parent is deleted afterwards, with `deleteOptions` of the body (eviction). */
  deletes?: boolean;
}

/** One column of a Table (meta/v1 TableColumnDefinition). */
export interface Column<T extends KubeObject> {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  description?: string;
  /** 0 is always shown, above only with `-o wide`. */
  priority?: number;
  /** The cell. `nowMs` is the time of the request in ms since the epoch, for ages. */
  cell(object: T, nowMs: number): Json;
}

export type KindNames = Pick<Kind, 'group' | 'version' | 'kind' | 'plural' | 'namespaced'>;

/** What must be said of a kind; the rest has defaults. */
export type KindInput<T extends KubeObject> = KindNames & Partial<Omit<Kind<T>, '__type'>> & Pick<Kind<T>, 'schema'>;

/** A Kind with defaults filled in: singular from kind, all verbs, no subresources, Name and Age as columns. */
export function defineKind<T extends KubeObject>(input: KindInput<T>): Kind<T> {
  return {
    singular: input.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: ALL_VERBS,
    rules: {},
    subresources: {},
    columns: [],
    selectableFields: {},
    ...input,
  };
}

/** `group/plural`: names a resource over all its versions. */
export function resourceKey(kind: { group: string; plural: string }): string {
  return `${kind.group}/${kind.plural}`;
}
