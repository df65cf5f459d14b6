/** Workloads whose nodes a cluster autoscaler provides first, by Kueue's own manifests. The test plays the autoscaler: it brings its definition and answers requests. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CustomResourceDefinition, PodTemplate } from '../../src/api/kinds.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import { ProvisioningRequest as Requests } from '../../src/api/kueue/frameworks.ts';
import { AdmissionCheck } from '../../src/api/kueue/local-queue.ts';
import { ProvisioningRequestConfig, ProvisioningRequestConfigV1beta2 } from '../../src/api/kueue/provisioning.ts';
import type { ProvisioningRequest } from '../../src/modules/queue/provisioning/requests.ts';
import { clearDeleted, client, clusterQueue, conditionOf, flavor, job, NS, openQueues, running, runs, submit, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const podSets = { type: 'array', minItems: 1, items: { type: 'object', required: ['count', 'podTemplateRef'], properties: { count: { type: 'integer', minimum: 1 }, podTemplateRef: { type: 'object', properties: { name: text } } } } };
const SCHEMA = {
  type: 'object', properties: {
    spec: { type: 'object', required: ['podSets', 'provisioningClassName'], properties: { podSets, provisioningClassName: { ...text, maxLength: 30 }, parameters: texts } },
    status: { type: 'object', properties: { conditions: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }, provisioningClassDetails: texts } },
  },
};

async function autoscaler(): Promise<void> {
  const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: SCHEMA } }];
  await client.create(CustomResourceDefinition, { metadata: { name: 'provisioningrequests.autoscaling.x-k8s.io' }, spec: { group: 'autoscaling.x-k8s.io', scope: 'Namespaced', names: { plural: 'provisioningrequests', kind: 'ProvisioningRequest' }, versions } } as CustomResourceDefinition);
}

async function team(config: Partial<NonNullable<ProvisioningRequestConfig['spec']>> = {}): Promise<void> {
  await flavor('f', { nodeLabels: { pool: 'a' } });
  await client.create(ProvisioningRequestConfig, { metadata: { name: 'nodes' }, spec: { provisioningClassName: 'class', parameters: { p1: 'v1' }, ...config } });
  await client.create(AdmissionCheck, { metadata: { name: 'capacity' }, spec: { controllerName: 'kueue.x-k8s.io/provisioning-request', parameters: { apiGroup: 'kueue.x-k8s.io', kind: 'ProvisioningRequestConfig', name: 'nodes' } } });
  await clusterQueue('team', { f: '10' }, { admissionChecks: ['capacity'] });
}

const active = async () => (await client.get(AdmissionCheck, 'capacity')).status?.conditions?.find(({ type }) => type === 'Active');
const check = async (owner: string) => (await workload(owner)).status?.admissionChecks?.[0];
const requests = async (): Promise<ProvisioningRequest[]> => (await client.list(Requests, NS)).items as ProvisioningRequest[];
const named = async (end: string): Promise<ProvisioningRequest | undefined> => (await requests().catch(() => [])).find(({ metadata }) => metadata.name?.endsWith(end) === true);
const asked = async (end: string): Promise<ProvisioningRequest> => {
  await eventually(`the request ${end} is there`, async () => (await named(end)) !== undefined);
  return (await named(end))!;
};
/** As the autoscaler does. */
async function answer(end: string, type: string, status: 'True' | 'False', message: string, provisioningClassDetails?: Record<string, string>): Promise<void> {
  const request = await asked(end);
  const conditions = [...(request.status?.conditions ?? []).filter((each) => each.type !== type), { type, status, reason: type, message, lastTransitionTime: new Date().toISOString() }];
  await client.update(Requests, { ...request, status: { ...request.status, conditions, ...(provisioningClassDetails !== undefined && { provisioningClassDetails }) } } as never, { subresource: 'status' });
}

test('are let in when it has the nodes, on these, and end when it takes them away', async () => {
  await team({ podSetUpdates: { nodeSelector: [{ key: 'example.com/node-group', valueFromProvisioningClassDetail: 'group' }] } });
  await eventually('without a definition nobody answers', async () => (await active())?.reason === 'NoController');
  await autoscaler();
  await eventually('the check is active', async () => (await active())?.status === 'True');
  assert.deepEqual([(await active())?.reason, (await active())?.message], ['Active', 'The admission check is active']);
  await submit('train', 'team', { parallelism: 3, completions: 3, annotations: { 'provreq.kueue.x-k8s.io/ValidUntilSeconds': '600', 'example.com/other': 'x' } });
  const { metadata, spec } = await asked('-capacity-1');
  const { metadata: own } = await workload('train');
  assert.deepEqual([metadata.name, metadata.labels, metadata.ownerReferences?.[0]?.name, spec?.provisioningClassName, spec?.parameters], [`${own.name}-capacity-1`, { 'kueue.x-k8s.io/managed': 'true' }, own.name, 'class', { p1: 'v1', ValidUntilSeconds: '600' }]);
  assert.deepEqual(spec?.podSets, [{ podTemplateRef: { name: `ppt-${metadata.name}-main` }, count: 3 }]);
  await eventually('its template is there', async () => (await client.get(PodTemplate, `ppt-${metadata.name}-main`, NS).catch(() => undefined)) !== undefined);
  const { template, metadata: { ownerReferences } } = await client.get(PodTemplate, `ppt-${metadata.name}-main`, NS);
  assert.deepEqual([template?.spec?.nodeSelector, template?.spec?.containers[0]?.resources?.requests, ownerReferences?.[0]?.name], [{ pool: 'a' }, { cpu: '1' }, metadata.name], 'goes with its request');
  assert.deepEqual([await runs('train'), (await check('train'))?.state], [false, 'Pending']);

  await answer('-capacity-1', 'Accepted', 'True', 'accepted');
  await answer('-capacity-1', 'Provisioned', 'False', 'Not provisioned, ETA: 2026-02-22T10:36:40Z.');
  await eventually('it tells when', async () => (await check('train'))?.message === 'Not provisioned, ETA: 2026-02-22T10:36:40Z.');
  await answer('-capacity-1', 'Provisioned', 'True', 'provisioned', { group: 'g-7' });
  await running('train');
  assert.equal((await check('train'))?.state, 'Ready');
  const { template: pods } = (await job('train')).spec!;
  assert.deepEqual(pods.spec?.nodeSelector, { pool: 'a', 'example.com/node-group': 'g-7' });
  assert.deepEqual(Object.entries(pods.metadata?.annotations ?? {}).filter(([key]) => key.startsWith('autoscaling')), [['autoscaling.x-k8s.io/consume-provisioning-request', metadata.name], ['autoscaling.x-k8s.io/provisioning-class-name', 'class']]);

  await answer('-capacity-1', 'BookingExpired', 'True', 'expired');
  await answer('-capacity-1', 'CapacityRevoked', 'True', 'the nodes are gone');
  await eventually('it is deactivated', async () => {
    await clearDeleted();
    return (await workload('train')).spec.active === false && !(await runs('train'));
  });
  assert.equal((await conditionOf('train', 'Evicted'))?.reason, 'DeactivatedDueToAdmissionCheck');
});

test('are tried again after a while, as often as may be, and deactivated then', async () => {
  await autoscaler();
  await team({ retryStrategy: { backoffLimitCount: 1, backoffBaseSeconds: 1, backoffMaxSeconds: 2 } });
  await submit('train', 'team');
  await answer('-capacity-1', 'Failed', 'True', 'no such machine');
  await eventually('it is set back', async () => (await conditionOf('train', 'Evicted').catch(() => undefined))?.reason === 'AdmissionCheck');
  await asked('-capacity-2');
  await eventually('what failed is gone', async () => (await requests()).length === 1);
  const { status } = await workload('train');
  assert.deepEqual([status?.requeueState?.count, status?.admissionChecks?.[0]?.retryCount, status?.admissionChecks?.[0]?.state], [1, 1, 'Pending']);
  await answer('-capacity-2', 'Failed', 'True', 'still none');
  await eventually('it is deactivated', async () => (await workload('train')).spec.active === false);
  await eventually('it says why', async () => (await conditionOf('train', 'Evicted'))?.reason === 'DeactivatedDueToAdmissionCheck');
});

test('have their templates, whatever became of them', async () => {
  await autoscaler();
  await team();
  await submit('train', 'team', { template: { spec: { restartPolicy: 'Never', schedulingGates: [{ name: 'example.com/wait' }], containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } });
  const first = await asked('-capacity-1');
  const at = `ppt-${first.metadata.name}-main`;
  const template = (): Promise<PodTemplate | undefined> => client.get(PodTemplate, at, NS).catch(() => undefined);
  await eventually('it is there', async () => (await template()) !== undefined);
  assert.equal((await template())?.template?.spec?.schedulingGates, undefined, 'no autoscaler has an eye for who is held back');
  const look = (): Promise<unknown> => client.patch(Requests, first.metadata.name!, { type: 'merge', body: { metadata: { annotations: { looked: new Date().toISOString() } } } }, NS);
  const { metadata: { uid: before } } = (await template())!;
  const { metadata: { uid = '' } } = await job('train');
  await client.patch(PodTemplate, at, { type: 'merge', body: { metadata: { ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'train', uid, controller: true }] } } }, NS);
  await look();
  await eventually('it is of its request again', async () => (await template())?.metadata.ownerReferences?.[0]?.uid === first.metadata.uid);
  assert.equal((await template())?.metadata.uid, before);
  await client.delete(PodTemplate, at, NS);
  await look();
  await eventually('it is there again', async () => (await template()) !== undefined);
  await client.patch(ProvisioningRequestConfig, 'nodes', { type: 'merge', body: { spec: { parameters: { p1: 'v2' } } } });
  await eventually('it is of the request that asks for something else', async () => {
    const now = await named('-capacity-1');
    return now !== undefined && now.metadata.uid !== first.metadata.uid && (await template())?.metadata.ownerReferences?.[0]?.uid === now.metadata.uid;
  });
});

test('ask for nothing that others provide, for alike sets as one, and say what is wrong', async () => {
  await autoscaler();
  await team({ managedResources: ['example.com/gpu'], podSetMergePolicy: 'IdenticalWorkloadSchedulingRequirements' });
  await submit('plain', 'team');
  await running('plain');
  assert.deepEqual([(await check('plain'))?.message, (await requests()).length], ['the provisioning request is not needed', 0]);
  const config = await client.get(ProvisioningRequestConfigV1beta2, 'nodes');
  assert.deepEqual(config.spec?.retryStrategy, { backoffLimitCount: 3, backoffBaseSeconds: 60, backoffMaxSeconds: 1_800 });

  await client.patch(ProvisioningRequestConfig, 'nodes', { type: 'merge', body: { spec: { managedResources: ['cpu'] } } });
  const replicated = (name: string, parallelism: number) => ({ name, template: { spec: { parallelism, completions: parallelism, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: `${name}:1`, resources: { limits: { cpu: '1' } } }] } } } } });
  await client.create(JobSet, { metadata: { name: 'set', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team' } }, spec: { replicatedJobs: [replicated('leader', 1), replicated('workers', 2)] } } as unknown as JobSet);
  assert.deepEqual((await asked('-capacity-1')).spec?.podSets?.map(({ count }) => count), [3]);
  await answer('-capacity-1', 'Provisioned', 'True', 'there');
  await eventually('all of its sets are told', async () => ((await check('set'))?.podSetUpdates ?? []).map(({ name }) => name).join() === 'leader,workers');

  await client.patch(ProvisioningRequestConfig, 'nodes', { type: 'merge', body: { spec: { provisioningClassName: 'a-class-whose-name-is-too-long-here' } } });
  await submit('refused', 'team');
  await eventually('it is told what its autoscaler refuses', async () => /Error creating ProvisioningRequest .*Too long/.test((await check('refused').catch(() => undefined))?.message ?? ''));
  await client.delete(ProvisioningRequestConfig, 'nodes');
  await eventually('the check is not active', async () => (await active())?.reason === 'BadParametersRef');
  assert.equal((await active())?.message, 'provisioningrequestconfigs.kueue.x-k8s.io "nodes" not found');
  await eventually('who waits is told', async () => (await check('refused'))?.message === 'the check is not active');
});
