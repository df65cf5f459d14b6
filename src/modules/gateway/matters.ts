/** Which changes of objects ask for another plan. */
import { isDeepStrictEqual } from 'node:util';
import { Service } from '../../api/core/service.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';

/** Whether a change may change the plan: our own writes of statuses (`said`) do not. */
export function matters(kind: Kind, object: KubeObject, previous: KubeObject | undefined, said: unknown): boolean {
  if (previous === undefined || kind === (Service as Kind) || object === previous) return true;
  const { resourceVersion: _version, managedFields: _managed, ...metadata } = object.metadata;
  const { resourceVersion: _before, managedFields: _managedBefore, ...metadataBefore } = previous.metadata;
  const { status, metadata: _own, ...rest } = object as KubeObject & { status?: unknown };
  const { status: statusBefore, metadata: _ownBefore, ...restBefore } = previous as KubeObject & { status?: unknown };
  // A status that somebody else wrote over ours is written again.
  return !isDeepStrictEqual(metadata, metadataBefore) || !isDeepStrictEqual(rest, restBefore) || (!isDeepStrictEqual(status, statusBefore) && !isDeepStrictEqual(status, said));
}
