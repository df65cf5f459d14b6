/** Objects that the door takes and that make no sense: whoever acts on them goes on, for them and for everybody else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { Gateway } from '../../src/api/gateway/kinds.ts';
import { builtins } from '../../src/boot/builtins.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { OddMaker } from '../fixtures/odd-maker.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { bootForPods } from '../fixtures/pods.ts';

const OBJECTS_A_KIND = 12;
/** They rule over requests, or over all pods: what they forbid is forbidden. */
const RULING = /^(.*WebhookConfiguration|.*AdmissionPolicy|.*AdmissionPolicyBinding|APIService|Node|FlowSchema|PriorityLevelConfiguration|Namespace|PriorityClass|CustomResourceDefinition)$/;
const NS = { namespace: 'odd' };

const kinds = [...new Set(builtins.flatMap((module) => module.kinds ?? []))].filter(({ verbs, kind }) => (verbs === undefined || verbs.includes('create')) && !RULING.test(kind));
const named = (kind: string): Kind => kinds.find((each) => each.kind === kind)!;

describe('odd objects among others', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  let pid: number;
  before(async () => {
    llmos = await bootForPods({});
    pid = llmos.pid;
    assert.equal((await llmos.kubectl('create', 'namespace', 'odd')).code, 0);
  });
  after(() => llmos?.destroy());

  const create = async (kind: Kind, object: object): Promise<boolean> => {
    try {
      await llmos.client.create(kind, object as KubeObject);
      return true;
    } catch (error) {
      assert.ok(error instanceof ApiError && error.code < 500, `${kind.kind} ${JSON.stringify(object)}: ${(error as Error).stack}`);
      return false;
    }
  };

  it('those that once stopped everybody', async () => {
    assert.ok(await create(named('ScaledJob'), { metadata: { name: 'empty', ...NS } }), 'without a spec it is taken, as upstream takes it');
    assert.ok(await create(named('VerticalPodAutoscalerCheckpoint'), { metadata: { name: 'empty', ...NS } }));
    assert.ok(await create(named('Gateway'), { metadata: { name: 'unknown', ...NS }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'a', port: 81, protocol: 'constructor' }] } }));
    assert.ok(await create(named('AdmissionCheck'), { metadata: { name: 'unknown' }, spec: { controllerName: 'constructor' } }));
    assert.equal(await create(named('Workload'), { metadata: { name: 'empty', ...NS } }), false);
    for (const kind of ['LocalQueue', 'ClusterQueue', 'Cohort']) assert.equal(await create(named(kind), { metadata: { name: 'weighty', ...(named(kind).namespaced && NS) }, spec: { clusterQueue: 'x', fairSharing: { weight: 'much' } } }), false, kind);
  });

  it('any', async () => {
    let taken = 0;
    for (const [place, kind] of kinds.entries()) {
      const maker = new OddMaker(place + 1, { complete: 0.99 });
      for (let count = 0; count < OBJECTS_A_KIND; count++) if (await create(kind, { ...(maker.value(kind.schema(), 0) as object), metadata: { name: `odd-${count}`, ...(kind.namespaced && NS) } })) taken += 1;
    }
    assert.ok(taken > kinds.length, `${taken} are there`);
  });

  it('others have what they ask for, and nobody has failed', async () => {
    await llmos.client.create(Pod, { metadata: { name: 'sound', namespace: 'default' }, spec: { containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000'] }] } } as Pod);
    await llmos.client.create(Gateway, { metadata: { name: 'sound', namespace: 'default' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'a', port: 8_082, protocol: 'HTTP' }] } } as unknown as Gateway);
    await eventually(async () => (await llmos.client.get(Pod, 'sound', { namespace: 'default' })).status?.phase === 'Running', { what: 'the pod' });
    await eventually(async () => (await llmos.client.get(Gateway, 'sound', { namespace: 'default' }) as { status?: { conditions?: { type: string; status: string }[] } }).status?.conditions?.some(({ type, status }) => type === 'Programmed' && status === 'True'), { what: 'the gateway' });
    assert.equal(llmos.pid, pid);
    const modules = (await llmos.llmos('module', 'list')).stdout.trim().split('\n').slice(1).map((line) => line.split(/\s+/));
    assert.deepEqual(modules.filter(([, state, restarts]) => state !== 'running' || restarts !== '0'), []);
    const errors = llmos.log().split('\n').filter((line) => /^\S+Z error /.test(line));
    assert.deepEqual(errors, []);
  });
});
