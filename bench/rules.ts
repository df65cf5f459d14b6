/**
 * The rules of 5,000 Services of three endpoints each: how long all of them take from nothing, how long a change of all of them (every pod has another address), and how
 * long until a change of one is in the kernel. Beside it nft with a script of the same Services in which each has a map of its own, as one would write it by hand.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Service } from '../src/api/generated/core-v1.ts';
import type { EndpointSlice } from '../src/api/generated/discovery-v1.ts';
import { silentLog } from '../src/base/log.ts';
import { startSync } from '../src/modules/network/sync.ts';
import { memoryCache } from '../src/sdk/testing/memory-cache.ts';
import { figureOf, resultOf, type BenchResult } from './result.ts';

const exec = promisify(execFile);
const SERVICES = 5_000;
const ENDPOINTS = 3;
const ROUNDS = 3;
const SINGLE_CHANGES = 200;

const address = (net: number, index: number): string => `10.${net}.${(index >> 8) & 255}.${index & 255}`;
const service = (index: number): Service => ({ metadata: { name: `s${index}`, namespace: 'shop' }, spec: { clusterIP: address(62, index), clusterIPs: [address(62, index)], ports: [{ port: 80, protocol: 'TCP' }] } });
const slice = (index: number, generation: number): EndpointSlice => ({
  metadata: { name: `s${index}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': `s${index}` } }, addressType: 'IPv4',
  endpoints: Array.from({ length: ENDPOINTS }, (_, at) => ({ addresses: [address(70 + (generation % 100), index * ENDPOINTS + at)], conditions: { ready: true }, nodeName: 'n1' })), ports: [{ name: '', port: 80, protocol: 'TCP' }],
} as EndpointSlice);

export async function run(): Promise<BenchResult> {
  const values = { fromNothing: [] as number[], changeAll: [] as number[], changeOne: [] as number[], byHand: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const services = memoryCache<Service>();
    const slices = memoryCache<EndpointSlice>();
    // As the cache of a running instance, whose indexes are maps.
    const indexed = { ...slices, byIndex: (_name: string, key: string): readonly EndpointSlice[] => [slices.get(`${key}-1`)].filter((each) => each !== undefined) };
    for (let index = 1; index <= SERVICES; index++) {
      services.set(service(index));
      slices.set(slice(index, 0));
    }
    const stop = new AbortController();
    let began = performance.now();
    const took = (): number => performance.now() - began;
    const sync = await startSync({
      services, slices: indexed, nft: 'nft', log: silentLog, signal: stop.signal, events: { event: () => {} },
      facts: { nodeName: 'n1', podCidr: '10.61.0.0/16', serviceCidr: '10.62.0.0/16', gatewayIp: '10.61.0.1', loadBalancerCidr: '10.63.0.0/24', table: 'llb0', bridge: 'llb0', seesBridged: true },
    });
    values.fromNothing.push(took());
    began = performance.now();
    for (let index = 1; index <= SERVICES; index++) slices.set(slice(index, 1));
    await sync.idle();
    values.changeAll.push(took());
    for (let at = 0; at < SINGLE_CHANGES; at++) {
      began = performance.now();
      slices.set(slice(1 + at, 2 + round));
      await sync.idle();
      values.changeOne.push(took());
    }
    stop.abort('stop');
    await sync.settled();
    await exec('nft', ['delete', 'table', 'ip', 'llb0']);
    values.byHand.push(await byHand());
    process.stderr.write(`round ${round + 1}: from nothing ${Math.round(values.fromNothing.at(-1)!)} ms, all ${Math.round(values.changeAll.at(-1)!)} ms, by hand ${Math.round(values.byHand.at(-1)!)} ms\n`);
  }
  const { fromNothing, changeAll, changeOne } = values;
  return resultOf('rules', { fromNothing: figureOf('ms', fromNothing), changeAll: figureOf('ms', changeAll), changeOne: figureOf('ms', changeOne) }, { 'a map a service': { fromNothing: figureOf('ms', values.byHand) } });
}

/** One transaction with a chain and a map for each Service. */
async function byHand(): Promise<number> {
  const indexes = Array.from({ length: SERVICES }, (_, index) => index + 1);
  const lines = [
    'add table ip byhand', 'add map ip byhand services { type ipv4_addr . inet_proto . inet_service : verdict; }', 'add chain ip byhand prerouting { type nat hook prerouting priority dstnat; }',
    ...indexes.map((index) => `add chain ip byhand s${index}`),
    ...indexes.map((index) => `add rule ip byhand s${index} meta l4proto tcp dnat ip to numgen inc mod ${ENDPOINTS} map { ${Array.from({ length: ENDPOINTS }, (_, at) => `${at} : ${address(70, index * ENDPOINTS + at)} . 80`).join(', ')} }`),
    `add element ip byhand services { ${indexes.map((index) => `${address(62, index)} . tcp . 80 : goto s${index}`).join(', ')} }`, 'add rule ip byhand prerouting ip daddr . meta l4proto . th dport vmap @services',
  ];
  const began = performance.now();
  const nft = exec('nft', ['-f', '-']);
  nft.child.stdin?.end(`${lines.join('\n')}\n`);
  await nft;
  const tookMs = performance.now() - began;
  await exec('nft', ['delete', 'table', 'ip', 'byhand']);
  return tookMs;
}
