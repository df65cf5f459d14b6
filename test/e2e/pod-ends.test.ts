/** How pods end that were deleted, while a finalizer keeps them; and those that the node does not take. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { conformance, create, get, gone, namespace, patch, podOf, remove, until, type Body } from '../conformance/cluster.ts';
import { pathOf, start } from '../conformance/node/pod.ts';

const KEPT = { metadata: { finalizers: ['example.com/kept'] } };
const letGo = (path: string): Promise<Body> => patch(path, { metadata: { finalizers: null } });
const reasonOf = ({ status }: Body, type: string): string => status.conditions.find((each: Body) => each.type === type)?.reason;
const isOver = ({ status }: Body): boolean => status.phase === 'Failed' || status.phase === 'Succeeded';
const MISSING = { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'missing', key: 'a' } } }] };

conformance('the end of pods', [() => {
  it('a pod that was deleted has succeeded or failed, whatever its policy, though a finalizer keeps it', async () => {
    const space = await namespace();
    const trapped = (exitCode: number): object => ({ command: ['sh', '-c', `trap "exit ${exitCode}" TERM; touch /tmp/set; while true; do sleep 0.1; done`], readinessProbe: { exec: { command: ['cat', '/tmp/set'] }, periodSeconds: 1 } });
    const table: [string, number, string, string][] = [['well', 0, 'Succeeded', 'PodCompleted'], ['badly', 5, 'Failed', 'PodFailed']];
    for (const [name, exitCode, phase, reason] of table) {
      const path = pathOf(space, name);
      await start(space, podOf(name, { ...KEPT, spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 20 }, container: trapped(exitCode) }));
      await remove(path);
      const ended = await until(path, isOver);
      assert.deepEqual([ended.status.phase, reasonOf(ended, 'Ready'), ended.status.containerStatuses[0].state.terminated.exitCode], [phase, reason, exitCode], name);
      await letGo(path);
      await gone(path);
    }
  });

  it('one that never ran has failed', async () => {
    const space = await namespace();
    const path = pathOf(space, 'p');
    await create(`/api/v1/namespaces/${space}/pods`, podOf('p', { ...KEPT, container: MISSING }));
    await until(path, ({ status }) => status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    await remove(path);
    const { status } = await until(path, isOver);
    assert.deepEqual([status.phase, status.containerStatuses[0].state.terminated.reason, status.containerStatuses[0].state.terminated.exitCode], ['Failed', 'ContainerStatusUnknown', 137]);
    await letGo(path);
    await gone(path);
  });

  it('a job that waits for the end of its pods makes another when one is deleted that never ran', async () => {
    const space = await namespace();
    const template = { spec: { ...podOf('p', { container: MISSING }).spec, restartPolicy: 'Never' } };
    await create(`/apis/batch/v1/namespaces/${space}/jobs`, { metadata: { name: 'work' }, spec: { podReplacementPolicy: 'Failed', template } });
    const first = await until(`/api/v1/namespaces/${space}/pods`, ({ items }) => items[0]?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    await remove(pathOf(space, first.items[0].metadata.name));
    await gone(pathOf(space, first.items[0].metadata.name));
    const { status } = await until(`/apis/batch/v1/namespaces/${space}/jobs/work`, (job) => job.status.failed === 1 && job.status.active === 1);
    assert.equal(status.terminating, 0);
  });

  it('the node refuses what was bound to it and may not be there', async () => {
    const space = await namespace();
    const { metadata: { name: nodeName } } = (await get('/api/v1/nodes')).items[0];
    const bind = (name: string, spec: object, container: object = {}): Promise<Body> => create(`/api/v1/namespaces/${space}/pods`, podOf(name, { spec: { nodeName, ...spec }, container }));
    const port = (hostPort: number): object => ({ ports: [{ containerPort: 80, hostPort, hostIP: '127.0.0.1' }] });
    await bind('elsewhere', { nodeSelector: { zone: 'nowhere' } });
    const { status } = await until(pathOf(space, 'elsewhere'), isOver);
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'NodeAffinity', "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"]);
    await start(space, podOf('first', { spec: { nodeName }, container: port(18_099) }));
    await bind('second', {}, port(18_099));
    assert.equal((await until(pathOf(space, 'second'), isOver)).status.reason, 'NodePorts');
  });
}], { concurrency: 4, alone: [() => {
  it('a critical pod that is bound to a full node takes the place of others', async () => {
    const space = await namespace();
    const node = (await get('/api/v1/nodes')).items[0];
    const most = Number(node.status.allocatable.cpu);
    const asks = (cpu: number): object => ({ resources: { requests: { cpu: String(cpu) } } });
    const bind = (name: string, cpu: number, spec: object = {}): Promise<Body> => create('/api/v1/namespaces/kube-system/pods', podOf(name, { spec: { nodeName: node.metadata.name, ...spec }, container: asks(cpu) }));
    await start(space, podOf('small', { container: asks(most * 0.1) }));
    await start(space, podOf('large', { container: asks(most * 0.7) }));
    await bind(`much-${space}`, most * 2, { priorityClassName: 'system-node-critical' });
    const refused = await until(pathOf('kube-system', `much-${space}`), isOver);
    assert.deepEqual([refused.status.reason, /no set of running pods found to reclaim resources: \[\(res: cpu, q: \d+\), \]/.test(refused.status.message)], ['UnexpectedAdmissionError', true]);
    await bind(`critical-${space}`, most * 0.8, { priorityClassName: 'system-node-critical' });
    await until(pathOf('kube-system', `critical-${space}`), ({ status }) => status.phase === 'Running');
    const { status } = await until(pathOf(space, 'large'), isOver);
    assert.deepEqual([status.phase, status.reason, status.message, reasonOf({ status }, 'DisruptionTarget')], ['Failed', 'Preempting', 'Preempted in order to admit critical pod', 'TerminationByKubelet']);
    assert.equal((await get(pathOf(space, 'small'))).status.phase, 'Running', 'it would not have been enough, and was not needed');
    for (const name of ['much', 'critical']) await remove(pathOf('kube-system', `${name}-${space}`));
  });
}] });
