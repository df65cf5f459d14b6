/**
 * A machine that lives for long: the same small world of workloads, Services, volumes and policies comes, changes and goes again and again, with a SIGKILL
 * of llmos now and then. Each round must become what its manifests say, and at the end there is no more on the machine, and hardly more in memory, than after the first.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, type Instance } from '../fixtures/instance.ts';
import { comesBackTo, holdingsAtRest, type Holdings } from '../fixtures/leaks.ts';
import { budget } from './random.ts';

const ROUNDS = Number(process.env['LLMOS_ROUNDS'] ?? budget(2, 40));
const KILL_EVERY = 10;
/** What is used for a minute or two is kept parsed, and the collector takes its time. */
const REST_MS = budget(5_000, 180_000);
/** Caches that fill (16 MiB of parsed objects at most, which take three times as much while they are used) and compiled code. */
const MORE_MIB = 64;
const MORE_HANDLES = 16;

let llmos: Instance;
before(async () => {
  llmos = await bootInstance();
  importTestImage(llmos);
});
after(() => llmos?.destroy());

const container = `image: ${TEST_IMAGE}, imagePullPolicy: Never`;
const WORLD = `
apiVersion: v1
kind: Namespace
metadata: {name: round}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: round}
spec:
  replicas: 8
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      volumes: [{name: memory, emptyDir: {medium: Memory}}, {name: words, configMap: {name: words}}]
      containers:
      - {name: main, ${container}, command: [sh, -c, "cat /words/word; sleep 100000"], volumeMounts: [{name: memory, mountPath: /memory}, {name: words, mountPath: /words}], readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words, namespace: round}
data: {word: hello}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: round, annotations: {llmos.dev/load-balancing: least-connection}}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: round}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 18080, targetPort: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: own, namespace: round}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: round}
spec:
  serviceName: db
  replicas: 2
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, ${container}, command: [sleep, "100000"], volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: job, namespace: round}
spec: {completions: 4, parallelism: 2, template: {spec: {restartPolicy: Never, containers: [{name: main, ${container}, command: ["true"]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: crash, namespace: round}
spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, ${container}, command: ["false"]}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: round}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 8, maxReplicas: 9, metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: "1"}}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: round}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
`;

it(`${ROUNDS} rounds leave no more than one`, { timeout: 3 * 3_600_000 }, async () => {
  let calm: Holdings | undefined;
  let [firstMib, firstHandles] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    await liveThrough(round);
    if (round > 0) continue;
    calm = await holdingsAtRest(llmos);
    [firstMib, firstHandles] = [memoryMib(), handles()];
  }
  await comesBackTo(calm as Holdings, llmos);
  await sleep(REST_MS);
  console.log(`soak: ${firstMib} MiB after the first round, ${memoryMib()} after ${ROUNDS}; ${firstHandles} and ${handles()} handles`);
  assert.ok(memoryMib() < firstMib + MORE_MIB, `${firstMib} MiB after the first round, ${memoryMib()} now`);
  assert.ok(handles() < firstHandles + MORE_HANDLES, `${firstHandles} handles after the first round, ${handles()} now`);
});

async function liveThrough(round: number): Promise<void> {
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl('-n', 'round', ...args);
    assert.equal(code, 0, `round ${round}: kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const made = await llmos.kubectlWith(WORLD, 'apply', '-f', '-');
  assert.equal(made.code, 0, made.stderr);
  await said('rollout', 'status', 'deployment/web', '--timeout=180s');
  await said('rollout', 'status', 'statefulset/db', '--timeout=180s');
  await said('wait', '--for=condition=complete', 'job/job', '--timeout=180s');
  await said('set', 'env', 'deployment/web', 'ROUND=again');
  assert.equal(await said('exec', 'db-0', '--', 'sh', '-c', 'echo kept > /data/file && cat /data/file'), 'kept\n');
  if (round % KILL_EVERY === KILL_EVERY - 1) {
    await llmos.kill('SIGKILL');
    await llmos.boot();
  }
  await said('rollout', 'status', 'deployment/web', '--timeout=180s');
  assert.equal(await said('logs', 'deployment/web'), 'hello');
  await said('delete', 'namespace', 'round', '--timeout=180s');
}

const memoryMib = (): number => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${llmos.pid}/status`, 'utf8'))?.[1]) / 1_024);
const handles = (): number => readdirSync(`/proc/${llmos.pid}/fd`).length;
