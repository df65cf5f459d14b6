/** What a job in a queue makes waits with it, whatever labels it bears itself. Source: Kueue, jobframework FindAncestorJobManagedByQueue. */
import { Job } from '../../../api/batch/job.ts';
import { JobSet } from '../../../api/jobset/job-set.ts';
import type { Kind } from '../../../api/kind.ts';
import { parseApiVersion, type KubeObject } from '../../../api/meta.ts';
import { controllerOf } from '../../../api/owner.ts';
import { queueNameOf } from '../owner.ts';
import { FRAMEWORK_KINDS } from './table.ts';

const PARENTS = [Job, JobSet, ...FRAMEWORK_KINDS] as readonly Kind[];
/** Owners of owners beyond that are not looked at. */
const MOST_DEEP = 10;

/** The kind of who controls the object, where that is one which waits in queues. */
export function parentKindOf(object: KubeObject): Kind | undefined {
  const owner = controllerOf(object);
  return owner === undefined ? undefined : PARENTS.find(({ group, kind }) => kind === owner.kind && group === parseApiVersion(owner.apiVersion).group);
}

/** Gives who is asked for, if it is there; undefined where that cannot be told now. */
export type ReadParent = (kind: Kind, namespace: string, name: string) => Promise<{ readonly object: KubeObject | undefined } | undefined>;

/** Whether somebody whom it belongs to is in a queue; undefined where that cannot be told now. */
export async function isPartOfQueued(object: KubeObject, read: ReadParent): Promise<boolean | undefined> {
  const { namespace = '' } = object.metadata;
  let current: KubeObject | undefined = object;
  for (let deep = 0; deep < MOST_DEEP && current !== undefined; deep++) {
    const kind = parentKindOf(current);
    if (kind === undefined) return false;
    const answer = await read(kind, namespace, controllerOf(current)!.name);
    if (answer === undefined) return undefined;
    if (answer.object !== undefined && queueNameOf(answer.object) !== undefined) return true;
    current = answer.object;
  }
  return false;
}
