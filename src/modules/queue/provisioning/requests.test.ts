import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProvisioningRequestConfig } from '../../../api/kueue/provisioning.ts';
import type { AdmissionCheckState, PodSet, Workload } from '../../../api/kueue/types.ts';
import { answerOf, askedSets, attemptOf, isInStep, neededSets, parametersOf, requestName, templateName, type ProvisioningRequest } from './requests.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const set = (name: string, resources: object = { requests: { cpu: '1' } }, more: object = {}): PodSet => ({ name, count: 2, template: { spec: { containers: [{ name: 'c', image: name, resources }], ...more } } });
const workload = (status: Workload['status'] = {}, ...podSets: PodSet[]): Workload => ({ metadata: { name: 'wl', annotations: { 'provreq.kueue.x-k8s.io/ValidUntilSeconds': '0', 'other/Foo': 'Bar' } }, spec: { podSets: podSets.length > 0 ? podSets : [set('main')] }, status });
const config = (spec: Partial<NonNullable<ProvisioningRequestConfig['spec']>> = {}): ProvisioningRequestConfig => ({ metadata: { name: 'c' }, spec: { provisioningClassName: 'class', parameters: { p1: 'v1' }, ...spec } });
const request = (attempt: number, ...conditions: string[]): ProvisioningRequest => ({
  metadata: { name: `wl-check-${attempt}` }, spec: { provisioningClassName: 'class', parameters: { p1: 'v1' }, podSets: [] },
  status: { provisioningClassDetails: { group: 'g' }, conditions: conditions.map((each) => ({ type: each.replace('!', ''), status: each.startsWith('!') ? 'False' : 'True', reason: 'R', message: `of ${each}`, lastTransitionTime: '' })) },
});
const CHECK: AdmissionCheckState = { name: 'check', state: 'Pending', message: '', lastTransitionTime: '' };

it('are named after the Workload, the check and the attempt, and told apart where names are long', () => {
  assert.deepEqual([requestName('wl', 'check', 2), attemptOf('wl-check-2', 'wl', 'check'), attemptOf('wl-checks-2', 'wl', 'check'), attemptOf('wl-check-2x', 'wl', 'check')], ['wl-check-2', 2, undefined, undefined]);
  const long = 'a'.repeat(250);
  const name = requestName(long, 'check', 12);
  assert.ok(name.length <= 255 && name !== requestName(long, 'other', 12));
  assert.equal(attemptOf(name, long, 'check'), 12);
  assert.ok(templateName(name, 'main').length <= 253 && templateName(name, 'main') !== templateName(name, 'other'));
});

it('ask for the sets that need what is provided, alike ones as one', () => {
  const gpu = set('gpu', { limits: { gpu: '1' } });
  const names = (spec: Parameters<typeof config>[0], ...sets: PodSet[]): string[] => askedSets(workload({ admission: { clusterQueue: 'q', podSetAssignments: sets.map(({ name }) => ({ name, count: 3 })) } }, ...sets), config(spec)).map((each) => `${each.set.name}:${each.count}`);
  assert.deepEqual(names({}, set('a'), gpu), ['a:3', 'gpu:3']);
  assert.deepEqual(names({ managedResources: ['gpu'] }, set('a'), gpu), ['gpu:3']);
  assert.deepEqual(neededSets(workload({}, set('a')), config({ managedResources: ['gpu'] })), []);
  assert.deepEqual(names({ podSetMergePolicy: 'IdenticalPodTemplates' }, set('a'), { ...set('a'), name: 'b' }, set('c')), ['a:6', 'c:3']);
  assert.deepEqual(names({ podSetMergePolicy: 'IdenticalWorkloadSchedulingRequirements' }, set('a'), set('b'), set('c', { requests: { cpu: '1' } }, { nodeSelector: { zone: 'z' } })), ['a:6', 'c:3']);
});

it('pass on what the configuration and the job say', () => {
  assert.deepEqual(parametersOf(workload(), config()), { p1: 'v1', ValidUntilSeconds: '0' });
  assert.deepEqual([config(), config({ parameters: { p1: 'v2' } }), config({ provisioningClassName: 'other' })].map((each) => isInStep(request(1), each)), [true, false, false]);
});

describe('a check says of its request', () => {
  const admitted = { conditions: [{ type: 'Admitted', status: 'True' as const, reason: 'A', message: '', lastTransitionTime: '' }] };
  const told = (attempt: number, conditions: string[], status: Workload['status'] = {}, check: Partial<AdmissionCheckState> = {}): (string | number)[] => {
    const answer = answerOf({ ...CHECK, ...check }, workload(status), { config: config(), request: request(attempt, ...conditions) }, NOW_MS);
    return [answer.check.state, answer.check.message, ...(answer.requeueState === undefined ? [] : [(Date.parse(answer.requeueState.requeueAt) - NOW_MS) / 1_000])];
  };
  it('nothing of it yet', () => assert.deepEqual(told(1, []), ['Pending', '']));
  it('when it is expected', () => assert.deepEqual(told(1, ['Accepted', '!Provisioned']), ['Pending', 'of !Provisioned']));
  it('it is there', () => assert.deepEqual(told(1, ['Accepted', 'Provisioned']), ['Ready', 'of Provisioned']));
  it('the first try failed: a minute', () => assert.deepEqual(told(1, ['Failed']), ['Retry', 'Retrying after failure: of Failed', 60]));
  it('the third one: four', () => assert.deepEqual(told(3, ['Failed'], { requeueState: { count: 2 } }), ['Retry', 'Retrying after failure: of Failed', 240]));
  it('one that was told before', () => assert.deepEqual(told(1, ['Failed'], { requeueState: { count: 1 } }), ['Pending', 'Retrying after failure: of Failed']));
  it('the last one failed', () => assert.deepEqual(told(4, ['Failed'], { requeueState: { count: 3 } }), ['Rejected', 'of Failed']));
  it('its booking expired before it was let in', () => assert.deepEqual(told(1, ['Provisioned', 'BookingExpired']), ['Retry', 'Retrying after booking expired: of BookingExpired', 60]));
  it('its booking expired after it was let in', () => assert.deepEqual(told(1, ['Provisioned', 'BookingExpired'], admitted, { state: 'Ready' }), ['Ready', '']));
  it('its nodes were taken away', () => assert.deepEqual(told(1, ['Provisioned', 'CapacityRevoked'], admitted, { state: 'Ready' }), ['Rejected', 'of CapacityRevoked']));
  it('no configuration', () => assert.equal(answerOf(CHECK, workload(), { config: undefined, request: undefined }, NOW_MS).check.message, 'the check is not active'));
  it('which nodes its pods use', () => {
    const { check } = answerOf(CHECK, workload(), { config: config({ podSetUpdates: { nodeSelector: [{ key: 'g', valueFromProvisioningClassDetail: 'group' }, { key: 'h', valueFromProvisioningClassDetail: 'missing' }] } }), request: request(1, 'Provisioned') }, NOW_MS);
    assert.deepEqual(check.podSetUpdates, [{ name: 'main', annotations: { 'autoscaling.x-k8s.io/consume-provisioning-request': 'wl-check-1', 'autoscaling.x-k8s.io/provisioning-class-name': 'class' }, nodeSelector: { g: 'g' } }]);
  });
});
