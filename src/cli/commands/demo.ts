/** `llmos demo` (what `npm start` runs): boots llmos, builds the web example from its Dockerfile, deploys it, and shows it working. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { KubeList } from '../../api/meta.ts';
import { get } from '../../base/http.ts';
import type { Folders } from '../../boot/config.ts';
import { runningPid } from '../../boot/pid-file.ts';
import { build } from '../build/build.ts';
import { buildLine, buildPlace } from '../build/place.ts';
import type { Command } from '../command.ts';
import { control } from '../control.ts';
import { applyObject, readManifests } from '../manifests.ts';
import { createProgress, seconds } from '../progress.ts';
import { renderTable } from '../table.ts';
import { bootInBackground } from './up.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/web');
const REPLICAS = 3;
const READY_TIMEOUT_MS = 120_000;
const REQUESTS = 30;

export const demo: Command = {
  usage: '',
  async run({ folders }) {
    const progress = createProgress();
    await progress.step('boot llmos', async () => {
      if (runningPid(folders.run) === undefined) await bootInBackground(folders, (line) => console.log(`         ${line}`));
    });
    await progress.step('build web:latest from examples/web/Dockerfile', (show) => build({
      ...buildPlace(folders),
      contextFolder: EXAMPLE,
      tag: 'web:latest',
      onProgress: (built) => {
        if (built.type !== 'line' || process.stdout.isTTY) show(buildLine(built)); // all of apt's chatter is for live eyes only
      },
    }));
    await progress.step('apply examples/web/web.yaml', async () => {
      for (const object of readManifests(`${EXAMPLE}/web.yaml`)) await applyObject(folders, object);
    });
    await progress.step(`wait for ${REPLICAS} ready pods and an address`, (show) => untilReady(folders, show));
    const answers = await progress.step(`ask the service ${REQUESTS} times`, () => askService(folders));
    await report(folders, answers, progress.steps);
    return 0;
  },
};

async function untilReady(folders: Folders, show: (detail: string) => void): Promise<void> {
  const deadlineMs = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const deployment = await control<Deployment>(folders, 'GET', '/apis/apps/v1/namespaces/default/deployments/web');
    const ready = deployment.status?.readyReplicas ?? 0;
    const addresses = (await webService(folders)).status?.loadBalancer?.ingress ?? [];
    const current = deployment.status?.observedGeneration === deployment.metadata.generation;
    if (current && ready === REPLICAS && deployment.status?.updatedReplicas === REPLICAS && addresses.length > 0) return;
    show(`${ready} of ${REPLICAS} pods ready, ${addresses.length} addresses`);
    if (Date.now() > deadlineMs) throw new Error(`the example is not ready after ${READY_TIMEOUT_MS / 1_000} s. Its pods:\n${await podTexts(folders)}\nSee './llmos kubectl describe pods -l app=web'`);
    await sleep(50);
  }
}

function webService(folders: Folders): Promise<Service> {
  return control<Service>(folders, 'GET', '/api/v1/namespaces/default/services/web');
}

async function webPods(folders: Folders): Promise<Pod[]> {
  const list = await control<KubeList<Pod>>(folders, 'GET', '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb');
  return list.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

async function podTexts(folders: Folders): Promise<string> {
  return (await webPods(folders)).map((pod) => {
    const waiting = pod.status?.containerStatuses?.map((each) => each.state?.waiting?.message ?? each.state?.waiting?.reason ?? '').join(' ');
    return `  ${pod.metadata.name} ${pod.status?.phase} ${waiting ?? ''}`;
  }).join('\n');
}

/** How often each pod answered, by its name; rejects when an answer fails or a pod stays silent. */
async function askService(folders: Folders): Promise<Map<string, number>> {
  const address = (await webService(folders)).status?.loadBalancer?.ingress?.[0]?.ip;
  const names = new Set((await webPods(folders)).map((pod) => pod.metadata.name ?? ''));
  const counts = new Map([...names].map((name) => [name, 0]));
  for (let n = 0; n < REQUESTS; n += 1) {
    const pod = await servedBy(`http://${address}/`);
    if (!names.has(pod)) throw new Error(`an answer came from '${pod}', which is none of the pods ${[...names].join(', ')}`);
    counts.set(pod, (counts.get(pod) ?? 0) + 1);
  }
  const silent = [...counts].filter(([, count]) => count === 0).map(([name]) => name);
  if (silent.length > 0 || counts.size !== REPLICAS) throw new Error(`not all of the ${REPLICAS} pods answered: ${JSON.stringify(Object.fromEntries(counts))}`);
  return counts;
}

/** The pod that answered, as its X-Pod header says. A new connection each time: the kernel balances connections. */
function servedBy(url: string): Promise<string> {
  return new Promise((resolvePod, reject) => {
    const call = get(url, { agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      if (response.statusCode !== 200) reject(new Error(`${url} answered ${response.statusCode}`));
      else response.once('end', () => resolvePod(String(response.headers['x-pod'] ?? '')));
    });
    call.once('timeout', () => call.destroy(new Error(`${url} did not answer within 5 s`)));
    call.once('error', reject);
  });
}

async function report(folders: Folders, answers: Map<string, number>, steps: readonly { name: string; durationMs: number }[]): Promise<void> {
  const service = await webService(folders);
  const pods = new Map((await webPods(folders)).map((pod) => [pod.metadata.name ?? '', pod.status?.podIP ?? '']));
  const addresses = (service.status?.loadBalancer?.ingress ?? []).map((each) => `http://${each.ip}/`);
  console.log([
    '',
    renderTable(['POD', 'ADDRESS', 'ANSWERS'], [...answers].map(([name, count]) => [name, pods.get(name) ?? '', String(count)])),
    '',
    `The service:  ${addresses.join('  ')}  (cluster address ${service.spec?.clusterIP})`,
    `It took:      ${steps.map(({ name, durationMs }) => `${name} ${seconds(durationMs)}`).join(', ')}`,
    '',
    'Three things to try next:',
    '  ./llmos kubectl scale deployment web --replicas=5     more of them, in milliseconds',
    '  ./llmos kubectl delete pod -l app=web                 they come back by themselves',
    "  ./llmos status                                        what runs, and what it costs; './llmos down' ends it",
  ].join('\n'));
}
