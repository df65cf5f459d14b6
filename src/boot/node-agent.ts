/**
 * The process of a further node: the node module, with a client that goes over the network as that of a kubelet does. Arguments: its name and its
 * number; folders by the environment. It ends when its standard input ends (containers run on), or says `down` (nothing is left).
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Event } from '../api/core/event.ts';
import { NodeMetrics, PodMetrics } from '../api/metrics/metrics.ts';
import { PodUsage } from '../api/metrics/pod-usage.ts';
import { BUILT_IN_KINDS } from '../api/kinds.ts';
import { realClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { FIGURES_FILE, node, type KeptFigures } from '../modules/node/module.ts';
import { createCaches } from '../sdk/caches.ts';
import { createHttpClient } from '../sdk/client/http.ts';
import { findCluster } from '../sdk/client/kubeconfig.ts';
import { createEventRecorder } from '../sdk/event-recorder.ts';
import type { MachineFacts, ModuleContext, ObjectSource, Route } from '../sdk/module.ts';
import { permitOfModule, restrictClient } from '../sdk/permit.ts';
import { serveAgent } from './agent-socket.ts';
import { foldersOf, loadConfig, type Config } from './config.ts';
import { machineFactsOf, networkFactsOf } from './facts.ts';
import { furtherFolders } from './further-nodes.ts';
import { sliceOf } from './node-slice.ts';
import { probeMachine } from './probe.ts';
import { nodeConfig } from './registries.ts';
import { settleMemory } from './settle-memory.ts';
import { tellUnheard } from './unheard.ts';

/** Fewer than on the first node: more nodes are there to try things, not for speed. */
const READY_SANDBOXES = 4;
const FIGURES_MS = 10_000;
const FIGURES: ReadonlySet<string> = new Set([NodeMetrics.kind, PodMetrics.kind, PodUsage.kind]);

const [name = '', number = '0'] = process.argv.slice(2);
const config = await loadConfig(foldersOf({}, process.env));
await runAgent(config, name, Number(number));
process.exit(0);

async function runAgent(whole: Config, nodeName: string, which: number): Promise<void> {
  const log = createLog({ level: whole.logLevel }).child(nodeName);
  tellUnheard(log);
  const ending = endOfInput();
  const access = findCluster({ path: join(whole.folders.state, 'pki', 'admin.kubeconfig') });
  const server = `https://${networkFactsOf(whole).gatewayIp}:${whole.apiServer.port}`;
  const client = createHttpClient({ ...access, server }, { name: `llmos-node-${nodeName}` });
  const machine = factsOf(whole, nodeName, which, access.caPem ?? '');
  const caches = createCaches({ client, log, signal: ending.signal, clock: realClock });
  const routes: Route[] = [];
  const figures = new Map<string, ObjectSource>();
  const context: ModuleContext = {
    client: restrictClient(client, permitOfModule(node), `node '${nodeName}'`),
    caches,
    events: createEventRecorder({ client, kind: Event, component: 'kubelet', host: nodeName, clock: realClock, log, signal: ending.signal }),
    clock: realClock, log, signal: ending.signal,
    config: { readySandboxes: READY_SANDBOXES, ...nodeConfig(whole) },
    machine,
    kinds: { list: () => BUILT_IN_KINDS, find: (group, kind) => BUILT_IN_KINDS.find((each) => each.group === group && each.kind === kind), subscribe: () => () => {} },
    serve(kind, source) {
      if (FIGURES.has(kind.kind) && source !== undefined) figures.set(kind.kind, source);
      return () => {};
    },
    route: (route) => (routes.push(route), () => void routes.splice(routes.indexOf(route), 1)),
    admit: () => () => {},
    report: () => {},
  };
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'); // of this namespace: ports of the node lead to pods
  const close = await serveAgent(join(furtherFolders(whole.folders, nodeName).run, 'agent.sock'), { client, routes, log });
  const writing = setInterval(() => writeFigures(join(furtherFolders(whole.folders, nodeName).run, FIGURES_FILE), figures), FIGURES_MS);
  settleMemory();
  try {
    await node.run?.(context);
  } finally {
    clearInterval(writing);
    close();
    client.close();
  }
}

/** What was used, for `kubectl top`: read by the first node. */
function writeFigures(file: string, sources: ReadonlyMap<string, ObjectSource>): void {
  const kept: KeptFigures = Object.fromEntries([...sources].map(([plural, source]) => [plural, source.list(undefined)]));
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function factsOf(whole: Config, nodeName: string, which: number, caPem: string): MachineFacts {
  const facts = machineFactsOf('node', { ...whole, nodeName, folders: furtherFolders(whole.folders, nodeName) }, probeMachine(), caPem);
  const first = machineFactsOf('node', whole, probeMachine(), caPem);
  return { ...facts, instance: `${whole.instance}n${which}`, images: first.images, network: { ...facts.network, podCidr: sliceOf(whole, which).cidr }, further: { machineNetwork: process.env['LLMOS_MACHINE_NETWORK'] ?? '' } };
}

function endOfInput(): AbortController {
  const ending = new AbortController();
  let said = '';
  process.stdin.setEncoding('utf8').on('data', (text: string) => void (said += text)).on('end', () => ending.abort(said.includes('down') ? 'down' : 'stop'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.abort('stop'));
  return ending;
}
