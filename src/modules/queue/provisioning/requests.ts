/** ProvisioningRequests of a Workload: their names, what they ask for, and what their conditions mean for its check. Pure. Source: Kueue, admissionchecks/provisioning. */
import { createHash } from 'node:crypto';
import type { PodSpec } from '../../../api/generated/core-v1.ts';
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import { MANAGED, PARAMETER_PREFIX } from '../../../api/kueue/names.ts';
import type { ProvisioningRequestConfig } from '../../../api/kueue/provisioning.ts';
import type { AdmissionCheckState, Condition, PodSet, Workload } from '../../../api/kueue/types.ts';
import { equalJson } from '../../../api/json.ts';
import type { Json } from '../../../api/meta.ts';
import { is } from '../conditions.ts';
import { timeAfter } from '../owned.ts';

export const CONTROLLER = 'kueue.x-k8s.io/provisioning-request';
/** On pods: the request whose nodes they use, and its class. */
const [CONSUMES, CLASS_NAME] = ['autoscaling.x-k8s.io/consume-provisioning-request', 'autoscaling.x-k8s.io/provisioning-class-name'];
export const MANAGED_LABELS = { [MANAGED]: 'true' };

const [MOST_NAME, HASH] = [246, 5];
const DEFAULT_RETRY = { backoffLimitCount: 3, backoffBaseSeconds: 60, backoffMaxSeconds: 1_800 };

export interface ProvisioningRequest extends ForeignObject {
  spec?: { provisioningClassName?: string; parameters?: Record<string, string>; podSets?: { podTemplateRef: { name: string }; count: number }[] };
  status?: { conditions?: Condition[]; provisioningClassDetails?: Record<string, string> };
}

/** Cut to what a name may have, with a hash of the whole. */
function short(name: string): string {
  return name.length <= MOST_NAME ? name : `${name.slice(0, MOST_NAME)}-${createHash('sha256').update(name).digest('hex').slice(0, HASH)}`;
}

const prefixOf = (workload: string, check: string): string => short(`${workload}-${check}-`);

/** `WORKLOAD-CHECK-1` and so on. */
export function requestName(workload: string, check: string, attempt: number): string {
  return `${prefixOf(workload, check)}${attempt}`;
}

/** Which attempt of the check it is; undefined where it is none of its. */
export function attemptOf(request: string, workload: string, check: string): number | undefined {
  const prefix = prefixOf(workload, check);
  const attempt = request.startsWith(prefix) ? request.slice(prefix.length) : '';
  return /^\d+$/.test(attempt) ? Number(attempt) : undefined;
}

export function templateName(request: string, set: string): string {
  return short(`ppt-${request}-${set}`);
}

/** Sets of pods that ask for what the autoscaler provides. */
export function neededSets({ spec: { podSets } }: Workload, { spec }: ProvisioningRequestConfig): PodSet[] {
  const managed = spec?.managedResources ?? [];
  const uses = (pod: PodSpec | undefined): boolean => [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].some(({ resources }) => managed.some((each) => resources?.requests?.[each] !== undefined || resources?.limits?.[each] !== undefined));
  return podSets.filter(({ template }) => managed.length === 0 || uses(template.spec));
}

export interface AskedSet { readonly set: PodSet; readonly count: number }

/** With a policy, sets that are alike are asked for as one, under the name of the first. */
export function askedSets(workload: Workload, config: ProvisioningRequestConfig): AskedSet[] {
  const asked: AskedSet[] = [];
  for (const set of neededSets(workload, config)) {
    const count = workload.status?.admission?.podSetAssignments.find(({ name }) => name === set.name)?.count ?? set.count;
    const like = asked.findIndex((each) => isAlike(each.set, set, config.spec?.podSetMergePolicy));
    if (like >= 0) asked[like] = { ...asked[like]!, count: asked[like]!.count + count };
    else asked.push({ set, count });
  }
  return asked.filter(({ count }) => count > 0);
}

const equal = (one: unknown, other: unknown): boolean => equalJson((one ?? null) as Json, (other ?? null) as Json);

function isAlike({ template: one }: PodSet, { template: other }: PodSet, policy: NonNullable<ProvisioningRequestConfig['spec']>['podSetMergePolicy']): boolean {
  if (policy === undefined) return false;
  if (policy === 'IdenticalPodTemplates') return equal(one, other);
  const shape = (spec: PodSpec | undefined): unknown => [spec?.containers, spec?.initContainers].map((list) => list?.map(({ resources }) => resources?.requests ?? {})).concat([[spec?.resources ?? {}, spec?.nodeSelector ?? {}, spec?.tolerations ?? [], spec?.affinity ?? {}, spec?.resourceClaims ?? []] as never]);
  return equal(shape(one.spec), shape(other.spec));
}

export function parametersOf({ metadata }: Workload, { spec }: ProvisioningRequestConfig): Record<string, string> {
  const told = Object.entries(metadata.annotations ?? {}).filter(([key]) => key.startsWith(PARAMETER_PREFIX)).map(([key, value]) => [key.slice(PARAMETER_PREFIX.length), value] as const);
  return { ...spec?.parameters, ...Object.fromEntries(told) };
}

/** Whether the configuration still says what it asks for. */
export function isInStep({ spec }: ProvisioningRequest, config: ProvisioningRequestConfig): boolean {
  return spec?.provisioningClassName === config.spec?.provisioningClassName && Object.entries(config.spec?.parameters ?? {}).every(([key, value]) => spec?.parameters?.[key] === value);
}

const conditionOf = ({ status }: ProvisioningRequest, type: string): Condition | undefined => status?.conditions?.find((each) => each.type === type);
export const says = (request: ProvisioningRequest, type: string): boolean => conditionOf(request, type)?.status === 'True';

/** What a check knows: its configuration, unless the check is not active, and the newest of its requests. */
export interface Known { readonly config: ProvisioningRequestConfig | undefined; readonly request: ProvisioningRequest | undefined }

export interface Answer { readonly check: AdmissionCheckState; readonly requeueState?: { count: number; requeueAt: string } }

/** The check as the conditions of its request have it. */
export function answerOf(check: AdmissionCheckState, workload: Workload, { config, request }: Known, nowMs: number): Answer {
  const said = (state: AdmissionCheckState['state'], message = ''): Answer => ({ check: { ...check, state, ...(message !== '' && { message }) } });
  if (config === undefined) return said('Pending', 'the check is not active');
  if (neededSets(workload, config).length === 0) return check.state === 'Ready' ? { check } : said('Ready', 'the provisioning request is not needed');
  if (request === undefined) return { check };
  const messageOf = (type: string): string => conditionOf(request, type)?.message ?? '';
  if (says(request, 'Failed')) return failed(check, workload, { config, request }, { nowMs, why: 'failure', message: messageOf('Failed') });
  if (says(request, 'CapacityRevoked')) return workload.spec.active === false ? { check } : said('Rejected', messageOf('CapacityRevoked'));
  if (says(request, 'BookingExpired')) return is(workload, 'Admitted') ? { check } : failed(check, workload, { config, request }, { nowMs, why: 'booking expired', message: messageOf('BookingExpired') });
  if (says(request, 'Provisioned')) return check.state === 'Ready' ? { check } : { check: { ...said('Ready', messageOf('Provisioned')).check, podSetUpdates: updatesOf(workload, config, request) } };
  // When it is expected to be there.
  if (says(request, 'Accepted')) return conditionOf(request, 'Provisioned') === undefined ? { check } : said('Pending', messageOf('Provisioned'));
  return said('Pending');
}

/** Tried again after a while, as often as the configuration allows. An attempt that was told already is no news. */
function failed(check: AdmissionCheckState, { metadata, status }: Workload, { config, request }: { config: ProvisioningRequestConfig; request: ProvisioningRequest }, { nowMs, why, message }: { nowMs: number; why: string; message: string }): Answer {
  const { backoffLimitCount, backoffBaseSeconds, backoffMaxSeconds } = { ...DEFAULT_RETRY, ...config.spec?.retryStrategy };
  const attempt = attemptOf(request.metadata.name ?? '', metadata.name ?? '', check.name) ?? 1;
  if (attempt > backoffLimitCount) return { check: { ...check, state: 'Rejected', message } };
  const retrying = { ...check, message: `Retrying after ${why}: ${message}` };
  const before = status?.requeueState?.count ?? 0;
  if (attempt <= before) return { check: retrying };
  const seconds = Math.min(backoffMaxSeconds, backoffBaseSeconds * 2 ** before);
  return { check: { ...retrying, state: 'Retry' }, requeueState: { count: before + 1, requeueAt: timeAfter(nowMs, seconds) } };
}

function updatesOf(workload: Workload, config: ProvisioningRequestConfig, { metadata, spec, status }: ProvisioningRequest): NonNullable<AdmissionCheckState['podSetUpdates']> {
  const wanted = config.spec?.podSetUpdates?.nodeSelector ?? [];
  const selected = wanted.flatMap(({ key, valueFromProvisioningClassDetail: detail }) => (status?.provisioningClassDetails?.[detail] === undefined ? [] : [[key, status.provisioningClassDetails[detail]] as const]));
  return neededSets(workload, config).map(({ name }) => ({ name, annotations: { [CONSUMES!]: metadata.name ?? '', [CLASS_NAME!]: spec?.provisioningClassName ?? '' }, ...(selected.length > 0 && { nodeSelector: Object.fromEntries(selected) }) }));
}
