/** Jobs whose nodes an autoscaler provides first, with real containers: the test brings its definition and plays it, with what kubectl sends. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Job } from '../../src/api/batch/job.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: provisioningrequests.autoscaling.x-k8s.io, annotations: { api-approved.kubernetes.io: "https://github.com/kubernetes/autoscaler/pull/5848" } }
spec:
  group: autoscaling.x-k8s.io
  scope: Namespaced
  names: { plural: provisioningrequests, singular: provisioningrequest, kind: ProvisioningRequest, shortNames: [provreq] }
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {} }
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: { type: object, x-kubernetes-preserve-unknown-fields: true }
          status: { type: object, x-kubernetes-preserve-unknown-fields: true }`;

const QUEUE = `
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: { name: any }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ProvisioningRequestConfig
metadata: { name: nodes }
spec:
  provisioningClassName: best-effort-atomic-scale-up.autoscaling.x-k8s.io
  managedResources: [cpu]
  retryStrategy: { backoffLimitCount: 1, backoffBaseSeconds: 1 }
  podSetUpdates: { nodeSelector: [{ key: example.com/node-group, valueFromProvisioningClassDetail: group }] }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: AdmissionCheck
metadata: { name: capacity }
spec:
  controllerName: kueue.x-k8s.io/provisioning-request
  parameters: { apiGroup: kueue.x-k8s.io, kind: ProvisioningRequestConfig, name: nodes }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: { name: team }
spec:
  namespaceSelector: {}
  resourceGroups: [{ coveredResources: [cpu], flavors: [{ name: any, resources: [{ name: cpu, nominalQuota: 1 }] }] }]
  admissionChecksStrategy: { admissionChecks: [{ name: capacity }] }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: { name: team, namespace: default }
spec: { clusterQueue: team }`;

const job = (name: string, script: string): string => `
apiVersion: batch/v1
kind: Job
metadata: { name: ${name}, namespace: default, labels: { kueue.x-k8s.io/queue-name: team } }
spec:
  suspend: true
  template: { spec: { restartPolicy: Never, terminationGracePeriodSeconds: 0, containers: [{ name: main, image: "${TEST_IMAGE}", imagePullPolicy: Never, command: [sh, -c, ${JSON.stringify(script)}], resources: { requests: { cpu: 100m } } }] } }`;

describe('nodes on demand', { timeout: 180_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods();
    await ok(llmos.kubectlWith(DEFINITION, 'apply', '-f', '-'));
    await ok(llmos.kubectlWith(QUEUE, 'apply', '-f', '-'));
    await ok(llmos.kubectl('wait', '--for=condition=Active', 'admissioncheck/capacity', 'clusterqueue/team', '--timeout=30s'));
  });
  after(async () => llmos?.destroy());

  /** The request that ends so, once it is there. */
  const requested = async (name: string, attempt: number): Promise<string> => {
    const owner = async () => (await llmos.client.list(Workload, NS)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === name)?.metadata.name;
    await eventually(async () => (await llmos.kubectl('get', 'provreq', `${await owner()}-capacity-${attempt}`, '-n', 'default')).code === 0);
    return `${await owner()}-capacity-${attempt}`;
  };
  const answer = (request: string, type: string, details: Record<string, string> = {}) => ok(llmos.kubectl('patch', 'provreq', request, '-n', 'default', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { conditions: [{ type, status: 'True', reason: type, message: `it is ${type}`, lastTransitionTime: new Date().toISOString() }], provisioningClassDetails: details } })));
  const podsOf = async (name: string) => (await llmos.client.list(Pod, { ...NS, labelSelector: `job-name=${name}` })).items;

  it('a Job runs on those that it was given, told to its pods, and only then', async () => {
    await ok(llmos.kubectlWith(job('train', 'echo it runs'), 'apply', '-f', '-'));
    const request = await requested('train', 1);
    await eventually(async () => (await llmos.kubectl('get', 'podtemplate', `ppt-${request}-main`, '-n', 'default')).code === 0, { what: 'its template' });
    assert.match(await ok(llmos.kubectl('get', 'podtemplate', `ppt-${request}-main`, '-n', 'default', '-o', 'jsonpath={.template.spec.containers[0].image}')), new RegExp(TEST_IMAGE));
    assert.deepEqual(await podsOf('train'), []);
    await answer(request, 'Provisioned', { group: 'fresh' });
    await eventually(async () => (await podsOf('train'))[0]?.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable') === true);
    assert.equal((await podsOf('train'))[0]?.spec?.nodeSelector?.['example.com/node-group'], 'fresh', 'there is no such node yet');
    await ok(llmos.kubectl('label', 'nodes', '--all', 'example.com/node-group=fresh'));
    await ok(llmos.kubectl('wait', '--for=condition=Complete', 'job/train', '-n', 'default', '--timeout=60s'));
    assert.match(await ok(llmos.kubectl('logs', 'job/train', '-n', 'default')), /^it runs$/m);
    const [pod] = await podsOf('train');
    assert.equal(pod?.metadata.annotations?.['autoscaling.x-k8s.io/consume-provisioning-request'], request);
  });

  it('who fails is tried once more, and what runs ends where its nodes are taken away', async () => {
    await ok(llmos.kubectlWith(job('serve', 'sleep 1000'), 'apply', '-f', '-'));
    await answer(await requested('serve', 1), 'Failed');
    const second = await requested('serve', 2);
    assert.equal((await llmos.client.get(Job, 'serve', NS)).spec?.suspend, true);
    await answer(second, 'Provisioned', { group: 'fresh' });
    await eventually(async () => (await podsOf('serve'))[0]?.status?.phase === 'Running');
    await answer(second, 'CapacityRevoked');
    await eventually(async () => (await llmos.client.get(Job, 'serve', NS)).spec?.suspend === true && (await podsOf('serve')).length === 0);
    const workload = (await llmos.client.list(Workload, NS)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === 'serve');
    assert.deepEqual([workload?.spec.active, workload?.status?.conditions?.find(({ type }) => type === 'Evicted')?.reason], [false, 'DeactivatedDueToAdmissionCheck']);
  });
});
