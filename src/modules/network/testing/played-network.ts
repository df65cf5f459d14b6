/**
 * The network as packets see it: a namespace that plays the machine, three that play pods, joined by the CNI plugin, with real servers in
 * them, and the rules that a sync keeps there. A test file runs itself inside the first namespace; the machine's own network is not touched.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { run, runAny } from '../../../base/sys/run.ts';
import type { Pod, Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../../api/generated/networking-v1.ts';
import { endHaproxy } from '../../../sdk/haproxy/process.ts';
import { PATIENCE } from '../../../sdk/testing/eventually.ts';
import { memoryCache } from '../../../sdk/testing/memory-cache.ts';
import { inNetworkNamespaces } from '../../../sdk/testing/network-namespaces.ts';
import { bridgeOf, type NetworkFacts } from '../links.ts';
import { removePodNetwork, setUpPodNetwork } from '../pod-network.ts';
import { createProxiedServices } from '../proxy/proxied.ts';
import { startSync, type Sync } from '../sync.ts';
import { asker, machine, plugIn, serve } from './machine.ts';

const INSIDE = process.env.LLMOS_TEST_NAMESPACE;
const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'].find((folder) => existsSync(join(folder, 'bridge')));
const POSSIBLE = process.getuid?.() === 0 && PLUGINS !== undefined && existsSync('/usr/sbin/nft');

/** A namespace that plays a pod: its server on port 80 answers with the name. */
export interface PlayedPod {
  name: string;
  address: string;
  server: ChildProcess | undefined;
}

/** What the tests of a file have. */
export class PlayedNetwork {
  /** The namespace that plays the machine; the names of those of pods begin with it. */
  readonly host: string;
  readonly pods: PlayedPod[];
  /** A namespace that plays somebody outside of the machine; it has no link at first. */
  readonly outside: string;
  /** What the rules are kept by: objects that are set here are followed, as those of the API. */
  readonly services = memoryCache<Service>();
  readonly slices = memoryCache<EndpointSlice>();
  readonly podObjects = memoryCache<Pod>();
  readonly networkPolicies = memoryCache<NetworkPolicy>();
  /** `reason: message` of each event. */
  readonly events: string[] = [];
  readonly network = { podCidr: '10.61.0.0/16', serviceCidr: '10.62.0.0/16', gatewayIp: '10.61.0.1', dnsServiceIp: '10.62.0.10', apiServiceIp: '10.62.0.1', loadBalancerCidr: '10.63.0.0/24', clusterDomain: 'cluster.local' };
  /** Ends the sync. */
  readonly stop = new AbortController();
  /** From here on there is something once the tests run. */
  folder!: string;
  facts!: NetworkFacts;
  sync!: Sync;
  /** {@link machine}, before anything was made. */
  empty!: string;

  constructor(host: string) {
    this.host = host;
    this.outside = `${host}o`;
    this.pods = ['a', 'b', 'c'].map((letter) => ({ name: `${host}${letter}`, address: '', server: undefined }));
  }

  async start(): Promise<void> {
    const { services, slices, podObjects, networkPolicies, network, stop } = this;
    await run('ip', ['link', 'set', 'lo', 'up']);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0'); // a new namespace has it from the machine, on which somebody may forward
    const folder = this.folder = await mkdtemp(join(tmpdir(), 'llmos-network-'));
    const facts = this.facts = { instance: 'llt', runFolder: folder, network, cni: { confFolder: join(folder, 'net.d'), binFolders: [PLUGINS as string] }, programs: {} };
    this.empty = await machine();
    const { seesBridged } = await setUpPodNetwork(facts);
    for (const pod of this.pods) {
      pod.address = await plugIn(facts, pod.name, 'ADD');
      pod.server = serve(pod.name);
    }
    await Promise.all(this.pods.map((pod) => once(pod.server?.stdout as NodeJS.ReadableStream, 'data')));
    this.sync = await startSync({
      services, slices, pods: podObjects, networkPolicies, nft: 'nft', log: silentLog, signal: stop.signal, checkMs: 100, events: { event: (_about, _type, reason, message) => void this.events.push(`${reason}: ${message}`) },
      proxies: createProxiedServices({ program: 'haproxy', folder: join(folder, 'haproxy'), gatewayIp: network.gatewayIp, nodeName: 'n1', log: silentLog, signal: stop.signal }),
      facts: { nodeName: 'n1', ...network, table: bridgeOf(facts), bridge: bridgeOf(facts), seesBridged },
    });
  }

  /** Takes all of it back, and looks whether the machine is as it was. */
  async end(): Promise<void> {
    this.stop.abort('down');
    await this.sync?.settled();
    for (const pod of this.pods) pod.server?.kill('SIGKILL');
    asker.end();
    await endHaproxy(join(this.folder, 'haproxy'));
    await removePodNetwork(this.facts);
    await rm(this.folder, { recursive: true, force: true });
    assert.equal(await machine(), this.empty, 'nothing is left on the machine');
  }
}

/** Runs the tests of `file` in namespaces of their own; outside of them they are one test of that title. */
export function inPlayedNetwork(file: string, title: string, tests: (played: PlayedNetwork) => void): void {
  if (INSIDE !== undefined) {
    const played = new PlayedNetwork(INSIDE);
    before(() => played.start());
    after(() => played.end());
    tests(played);
    return;
  }
  test(title, { skip: POSSIBLE ? false : 'needs root, nft and the CNI plugins' }, async () => {
    const host = `lln${process.pid}`;
    const names = [host, `${host}a`, `${host}b`, `${host}c`, `${host}o`];
    await inNetworkNamespaces(names, async (folder) => {
      const result = await runAny('ip', ['netns', 'exec', host, process.execPath, '--test', '--test-reporter=spec', file], { env: { ...process.env, LLMOS_TEST_NAMESPACE: host, NODE_TEST_CONTEXT: undefined, TMPDIR: folder }, timeoutMs: 300_000 * PATIENCE });
      if (process.env.LLMOS_TEST_VERBOSE) process.stderr.write(result.stdout);
      assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
    });
  });
}
