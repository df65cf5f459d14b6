/**
 * A rolling update of a Service under load: requests that fail, and the slowest of a hundred, while a Deployment of three pods is replaced twice; half of the requests by cluster
 * IP (nftables), half by a Service of HTTP that HAProxy carries. Pods end as well-behaved servers do: they go on for a second (preStop) and finish what they have. And how
 * long a change of endpoints takes from the object to the first answer of the new endpoint.
 */
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { answers, deployForRolling, takes } from '../test/fixtures/rolling.ts';
import { EndpointSlice, Service } from '../src/api/kinds.ts';
import { figureOf, resultOf, type BenchResult } from './result.ts';

const RATE = Number(process.env['LLMOS_RATE'] ?? 2_000);
const UPDATES = 2;
const SWITCHES = 100;

export async function run(): Promise<BenchResult> {
  const llmos = await bootInstance();
  try {
    const roll = await deployForRolling(llmos);
    const { perSecond, p99Ms, failed, failures, sent } = await roll(RATE, UPDATES);
    process.stderr.write(`${sent} requests, ${failed} failed ${JSON.stringify(failures)}\n`);
    const visible = await switches(llmos);
    return resultOf('rolling', { failed: figureOf('requests', [failed]), rate: figureOf('requests/s', [perSecond]), requestP99: figureOf('ms', [p99Ms]), visible: figureOf('ms', visible) });
  } finally {
    await llmos.destroy();
  }
}

/** From the write of a slice that names the other of two servers to its first answer, asked by one connection after the other. */
async function switches(llmos: Instance): Promise<number[]> {
  const ips = (await ok(llmos.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}'))).split(' ');
  const { client } = llmos;
  const made = await client.create(Service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'switched', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
  const slice = (address: string): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'switched-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'switched' } },
    addressType: 'IPv4', endpoints: address === '' ? [] : [{ addresses: [address] }], ports: [{ name: '', port: 80, protocol: 'TCP' }],
  } as EndpointSlice);
  await client.create(EndpointSlice, slice(''));
  const took: number[] = [];
  for (let at = 0; at < SWITCHES; at++) {
    const from = performance.now();
    // Without an endpoint it refuses, so the first connection that stands shows the change.
    await client.apply(EndpointSlice, slice(ips[0] ?? ''), { force: true });
    await answers(made.spec?.clusterIP ?? '');
    took.push(performance.now() - from);
    await client.apply(EndpointSlice, slice(''), { force: true });
    while (await takes(made.spec?.clusterIP ?? '')) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return took;
}

async function ok(result: ReturnType<Instance['kubectl']>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
