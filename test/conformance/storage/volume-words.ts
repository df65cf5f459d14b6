/** What tests of volumes say again and again: a mount, a claim, and what is left of either. */
import { execFileSync } from 'node:child_process';
import { until, type Body } from '../cluster.ts';
import { pathOf } from '../node/pod.ts';

/** A mount of a container. */
export const at = (name: string, mountPath: string, more: object = {}): object => ({ name, mountPath, ...more });
/** A claim of 1 GiB for one node, but for `more`. */
export const claimSpec = (more: object = {}): Body => ({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more });
export const claimsOf = (space: string): string => `/api/v1/namespaces/${space}/persistentvolumeclaims`;
const conditionOf = (pod: Body, type: string): Body => pod.status.conditions?.find((each: Body) => each.type === type);
/** Until the scheduler says why the pod is not placed. */
export const waits = (space: string, name: string, message: RegExp): Promise<Body> => until(pathOf(space, name), (pod) => message.test(conditionOf(pod, 'PodScheduled')?.message ?? ''));

/** Loop devices of files whose path has the text. */
export const loops = (text: string): number => execFileSync('losetup', ['-nO', 'BACK-FILE'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(text)).length;
