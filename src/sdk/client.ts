/**
 * Client: what modules see of a cluster. Two bodies, in-process (the door without the wire) and HTTP (any cluster), pass one suite.
 *
 * Objects that a Client gives are deep-frozen: copy (`structuredClone`) before changing. All methods reject with ApiError.
 */
import type { Kind } from '../api/kind.ts';
import type { Json, KubeList, KubeObject } from '../api/meta.ts';
import type { Status } from '../api/errors.ts';

export interface CallOptions {
  signal?: AbortSignal;
}

export interface InNamespace extends CallOptions {
  /** Required for namespaced kinds, except list and watch, which then span all namespaces. */
  namespace?: string;
}

export interface WriteOptions extends CallOptions {
  dryRun?: boolean;
  /** Names the writer in managedFields; default is the client's own name. */
  fieldManager?: string;
  /** `status`, `scale` or an action such as `binding`. */
  subresource?: string;
}

export interface ListOptions extends InNamespace {
  /** For instance `app=web,tier!=db`. */
  labelSelector?: string;
  /** For instance `spec.nodeName=n1`. */
  fieldSelector?: string;
  /** Of custom.metrics.k8s.io alone: by the labels of the metric, beside those of what it describes. */
  metricLabelSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions extends InNamespace {
  labelSelector?: string;
  fieldSelector?: string;
  /** Where to begin; absent begins with the objects that exist, as ADDED. */
  resourceVersion?: string;
  /** Default true. */
  allowWatchBookmarks?: boolean;
  /** Begin with all objects, then a bookmark annotated `k8s.io/initial-events-end`. */
  sendInitialEvents?: boolean;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: KubeObject };

export interface DeleteOptions extends InNamespace {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

export type PatchType = 'json' | 'merge' | 'strategic';

export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, name: string, options?: InNamespace & { subresource?: string }): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<KubeList<T>>;
  /** Ends when the signal aborts; throws ApiError Expired when the revision is compacted, and on a lost connection. */
  watch<T extends KubeObject>(kind: Kind<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** The namespace is metadata.namespace of the object. With `subresource` the object is its body, and `name` names the parent. */
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  createSubresource<B extends KubeObject, A extends KubeObject | Status>(
    kind: Kind, parent: { namespace?: string; name: string }, subresource: string, body: B, options?: WriteOptions): Promise<A>;
  /** With metadata.resourceVersion it is optimistic: 409 Conflict when another write came first. */
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, name: string, patch: { type: PatchType; body: Json }, options?: WriteOptions & InNamespace): Promise<T>;
  /** Server-side apply: the object says all that this manager wants; what it no longer says is removed. */
  apply<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions & { force?: boolean }): Promise<T>;
  /** The object as it was last (a finalizer or grace may keep it), or a Status. */
  delete(kind: Kind, name: string, options?: DeleteOptions): Promise<KubeObject | Status>;
  deleteCollection(kind: Kind, options?: DeleteOptions & Pick<ListOptions, 'labelSelector' | 'fieldSelector'>): Promise<void>;
}
