/** What pods use is metered, survives a restart, and is billed: in tables, as OpenCost's allocations, in the columns of FOCUS; here and on another cluster. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { PriceSheet } from '../../src/api/metering/price-sheet.ts';
import { UsageRecord, type MeteredPod } from '../../src/api/metering/usage-record.ts';
import { PodUsage } from '../../src/api/metrics/pod-usage.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../llmos');
const NAMESPACE = 'default';
/** Uses about so many seconds of cpu, and ends or sleeps. */
const burn = (then: string): string => `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; ${then}`;
const number = (text: string | undefined): number => Number(/[\d.]+/.exec(text ?? '')?.[0]);

async function runPod(llmos: Instance, name: string, script: string): Promise<void> {
  await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace: NAMESPACE })).items.length > 0);
  await llmos.client.create(Pod, {
    metadata: { name, namespace: NAMESPACE, labels: { team: 'red' } },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], resources: { requests: { cpu: '100m', memory: '64Mi' } } }] },
  } as Pod);
}

const rows = async (llmos: Instance): Promise<MeteredPod[]> => (await llmos.client.list(UsageRecord)).items.filter(({ namespace }) => namespace === NAMESPACE).flatMap(({ pods }) => pods ?? []);
const total = (all: readonly MeteredPod[], name: string, read: (row: MeteredPod) => number): number => all.filter((row) => row.name === name).reduce((sum, row) => sum + read(row), 0);

describe('metering', { timeout: 240_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance({ config: 'modules:\n  metering: {everySeconds: 1, cluster: home}\n' });
    importTestImage(llmos);
    await llmos.client.create(PriceSheet, { metadata: { name: 'house' }, spec: { currency: 'EUR', prices: { cpuCoreHour: 3_600, memoryGiBHour: 3_600 } } });
  });
  after(async () => llmos?.destroy());

  it('counts cpu time exactly, of a pod that has ended too', async () => {
    await runPod(llmos, 'short', burn('true'));
    await eventually(async () => (await llmos.client.get(Pod, 'short', { namespace: NAMESPACE })).status?.phase === 'Succeeded', { timeoutMs: 60_000 });
    const { metadata } = await llmos.client.get(Pod, 'short', { namespace: NAMESPACE });
    const last = async () => (await llmos.client.list(PodUsage, { namespace: NAMESPACE })).items.find((each) => each.metadata.name === metadata.uid);
    await eventually(async () => ((await last())?.cpuSeconds ?? 0) > 0.05, { what: 'the counters outlive the pod' });
    const { cpuSeconds } = (await last())!;
    await eventually(async () => Math.abs(total(await rows(llmos), 'short', ({ cpuCoreSeconds }) => cpuCoreSeconds.used) - cpuSeconds) < 0.01, { what: 'the record has it all' });
    const [row] = (await rows(llmos)).filter(({ name }) => name === 'short');
    assert.deepEqual([row!.labels, row!.uid, row!.pods], [{ team: 'red' }, metadata.uid, 1]);
    assert.ok(Math.abs(row!.cpuCoreSeconds.requested - row!.seconds * 0.1) < 1e-6 && row!.cpuCoreSeconds.charged >= Math.max(row!.cpuCoreSeconds.requested, row!.cpuCoreSeconds.used) - 1e-6, JSON.stringify(row));
  });

  it('goes on after llmos was killed, without a gap and without counting twice', async () => {
    await runPod(llmos, 'long', burn('sleep 1000'));
    await eventually(async () => total(await rows(llmos), 'long', ({ cpuCoreSeconds }) => cpuCoreSeconds.used) > 0.05, { timeoutMs: 60_000 });
    await llmos.kill('SIGKILL');
    await new Promise((settled) => setTimeout(settled, 2_500));
    await llmos.boot();
    const seconds = async (): Promise<number> => total(await rows(llmos), 'long', (row) => row.seconds);
    const before = await seconds();
    await eventually(async () => (await seconds()) > before + 3, { timeoutMs: 60_000 });
    const { status } = await llmos.client.get(Pod, 'long', { namespace: NAMESPACE });
    const counted = async (): Promise<number> => (await llmos.client.list(PodUsage, { namespace: NAMESPACE })).items.find(({ podName }) => podName === 'long')!.cpuSeconds;
    // Each is told a moment after the other; a gap, or what was counted twice, would stay.
    await eventually(async () => {
      const [metered, ageSeconds] = [await seconds(), (Date.now() - Date.parse(status?.startTime ?? '')) / 1_000];
      assert.ok(Math.abs(metered - ageSeconds) < 4, `metered ${metered} s of a pod that is ${ageSeconds} s old`);
      assert.ok(Math.abs(total(await rows(llmos), 'long', ({ cpuCoreSeconds }) => cpuCoreSeconds.used) - (await counted())) < 0.1);
      return true;
    });
  });

  it('bills: a table, FOCUS, and OpenCost agree', async () => {
    await llmos.client.delete(Pod, 'long', { namespace: NAMESPACE });
    await eventually(async () => (await llmos.client.list(Pod, { namespace: NAMESPACE })).items.every(({ metadata }) => metadata.name !== 'long'), { timeoutMs: 30_000 });
    let before = -1; // until the last second of it is in the records
    await eventually(async () => {
      const now = total(await rows(llmos), 'long', (row) => row.seconds);
      const settled = now === before;
      before = now;
      return settled;
    }, { everyMs: 1_500, timeoutMs: 30_000 });
    const bill = await ok(llmos.llmos('bill', '--by', 'label:team'));
    const cost = number(/^red .*?([\d.]+) EUR$/m.exec(bill)?.[1]);
    assert.ok(cost > 0, bill);
    const focus = JSON.parse(await ok(llmos.llmos('bill', '--format', 'focus-json'))) as { BilledCost: number; SubAccountId: string; ResourceName: string; Tags: string; BillingAccountId: string }[];
    const red = focus.filter(({ Tags }) => Tags.includes('red')).reduce((sum, { BilledCost }) => sum + BilledCost, 0);
    assert.ok(Math.abs(red - cost) < 0.001 * cost + 0.01, `${red} is not ${cost}`);
    assert.match(await ok(llmos.llmos('bill', '--window', '1h', '--format', 'focus-csv')), /^AvailabilityZone,BilledCost,.*\r\n.*,EUR,/);
    const allocation = JSON.parse(await ok(llmos.kubectl('get', '--raw', '/allocation?window=month&aggregate=label:team&includeIdle=true'))) as { code: number; data: Record<string, { totalCost: number; cpuCoreUsageAverage: number }>[] };
    assert.equal(allocation.code, 200);
    assert.ok(Math.abs(allocation.data[0]!['red']!.totalCost - cost) < 0.001 * cost + 0.01);
    assert.ok(allocation.data[0]!['__idle__']!.totalCost > 0);
    assert.match(await ok(llmos.kubectl('get', '--raw', '/focus?window=1h&format=csv')), /,Namespace,/);
    const accounts = (rows: readonly { BillingAccountId: string }[]): string[] => [...new Set(rows.map(({ BillingAccountId }) => BillingAccountId))];
    assert.deepEqual([accounts(focus), accounts(JSON.parse(await ok(llmos.kubectl('get', '--raw', '/focus?window=month'))))], [['home'], ['home']]);
    assert.match(await ok(llmos.llmos('bill', '--by', 'cluster')), /^home /m);
    // As kubectl cost asks: an empty filter is none.
    const asked = async (query: string) => (JSON.parse(await ok(llmos.kubectl('get', '--raw', `/allocation?window=7d&accumulate=true&includeIdle=false&idle=false&${query}`))) as { data: Record<string, { totalCost: number }>[] }).data[0]!;
    assert.ok(((await asked('aggregate=namespace,pod,container&filterNamespaces='))[`${NAMESPACE}/short/main`]?.totalCost ?? 0) > 0);
    assert.deepEqual([Object.keys(await asked('aggregate=container,service&filterNamespaces=default')), Object.keys(await asked('aggregate=pod&filterNamespaces=red'))], [['main/__unallocated__'], []]);
    assert.match((await llmos.kubectl('get', '--raw', '/allocation?window=7d&shareCost=5')).stderr, /shareCost is not known: there are shareIdle/);
    assert.match((await llmos.kubectl('get', '--raw', '/allocation?window=soon')).stderr, /no duration: write for instance/);
    assert.match((await llmos.llmos('bill', '--by', 'colour')).stderr, /nothing to group by/);
    assert.match(await ok(llmos.llmos('usage', '--window', '1h')), /NAMESPACE .*SLACK[\s\S]*^default [\s\S]*^total /m);
  });
});

describe('metering of another cluster', { timeout: 120_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance({ config: 'modules:\n  metering: {enabled: false}\n' });
    importTestImage(llmos);
  });
  after(async () => llmos?.destroy());

  it('is the same module, over HTTP', async () => {
    assert.match((await llmos.llmos('attach', '--kubeconfig', llmos.kubeconfig, 'metering')).stderr, /needs usagerecords of metering\.llmos\.dev\/v1alpha1, which the cluster does not serve.*'llmos attach --crds metering'/);
    await ok(llmos.kubectlWith(await ok(llmos.llmos('attach', '--crds', 'metering')), 'apply', '--server-side', '-f', '-'));
    await ok(llmos.kubectl('wait', '--for=condition=Established', 'crd/usagerecords.metering.llmos.dev', 'crd/pricesheets.metering.llmos.dev'));
    await runPod(llmos, 'far', burn('sleep 1000'));
    const config = `${llmos.state}-attach.yaml`;
    writeFileSync(config, 'modules:\n  metering: {everySeconds: 1}\n');
    const attached = spawn(LAUNCHER, ['attach', '--kubeconfig', llmos.kubeconfig, 'metering'], { env: { ...llmos.env, LLMOS_CONFIG: config }, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    attached.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const ended = new Promise((settled) => attached.once('exit', settled));
    try {
      await eventually(async () => total(await rows(llmos), 'far', ({ cpuCoreSeconds }) => cpuCoreSeconds.used) > 0.05, { timeoutMs: 60_000 }).catch((error: Error) => assert.fail(`${error.message}\n${log}`));
      assert.match(await ok(llmos.llmos('bill', '--kubeconfig', llmos.kubeconfig, '--by', 'pod')), /^far /m);
    } finally {
      attached.kill('SIGTERM');
      await ended;
    }
  });
});
