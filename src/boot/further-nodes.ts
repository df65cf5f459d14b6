/**
 * More nodes on one machine (`llmos up --nodes 3`): each a node agent in a process and a network namespace of its own, on the one bridge, so that
 * spreading, draining and the loss of a node can be tried for real. docs/adr/0013-further-nodes.md says why it is so.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Node } from '../api/core/node.ts';
import { isApiError } from '../api/errors.ts';
import type { Log } from '../base/log.ts';
import { run, start } from '../base/sys/run.ts';
import type { Client } from '../sdk/client.ts';
import type { Config, Folders } from './config.ts';
import { networkFactsOf } from './facts.ts';
import { sliceOf } from './node-slice.ts';

export interface NodeView {
  name: string;
  /** `running`, or how its agent ended. */
  state: string;
  pid?: number;
  address: string;
}

export interface FurtherNodes {
  list(): NodeView[];
  /** Starts the agent of a node again. Rejects when there is no such node. */
  start(name: string): Promise<void>;
  /** Ends the agent as a crash of its machine would: nothing is said to anybody, its containers run on. */
  lose(name: string): void;
  /** `down` ends the containers too, and gives everything back. */
  end(reason: 'stop' | 'down'): Promise<void>;
}

interface FurtherNode {
  name: string;
  number: number;
  child?: ChildProcess;
  /** Settles when the agent has ended. */
  ended: Promise<void>;
  state: string;
}

export interface FurtherNodesOptions {
  config: Config;
  client: Client;
  log: Log;
}

const END_MS = 20_000;
const RESTART_MS = 1_000;
const ENTRY = resolve(import.meta.dirname, 'node-agent.ts');

function furtherNodeName({ nodeName }: Pick<Config, 'nodeName'>, number: number): string {
  return `${nodeName}-${number}`;
}

/** The folders of a further node lie beneath those of the instance. */
export function furtherFolders(folders: Folders, name: string): Folders {
  return { ...folders, state: join(folders.state, 'nodes', name), run: join(folders.run, 'nodes', name) };
}

/** Settles when the agents were started; nodes of an earlier run that are too many are taken down. */
export async function startFurtherNodes({ config, client, log }: FurtherNodesOptions): Promise<FurtherNodes> {
  const { folders } = config;
  const nodes = new Map<string, FurtherNode>();
  let ending = false;
  for (let number = 2; number <= config.nodes; number++) {
    const name = furtherNodeName(config, number);
    nodes.set(name, { name, number, ended: Promise.resolve(), state: 'not started' });
  }
  await removeOthers();
  for (const node of nodes.values()) await begin(node);

  async function begin(node: FurtherNode): Promise<void> {
    if (node.child !== undefined) return;
    await joinNetwork(config, node);
    const own = furtherFolders(folders, node.name);
    const env = { ...process.env, LLMOS_STATE: folders.state, LLMOS_RUN: folders.run, LLMOS_CONFIG: folders.config, LLMOS_MACHINE_NETWORK: `/proc/${process.pid}/ns/net` };
    // The agent ends when its standard input does: it never outlives llmos, its containers do.
    const child = start('nsenter', [`--net=${join(own.run, 'network')}`, process.execPath, ...process.execArgv, ENTRY, node.name, String(node.number)], { stdio: ['pipe', 'inherit', 'inherit'], env });
    Object.assign(node, { child, state: 'running' });
    child.stdin?.on('error', () => {});
    node.ended = new Promise((settle) => child.once('close', (code, signal) => {
      Object.assign(node, { child: undefined, state: signal === null ? `ended with code ${code}` : `ended by ${signal}` });
      if (!ending) log.warn('a node agent ended', { node: node.name, state: node.state });
      // One that failed comes back; one that was killed stays away, since somebody wants to see a node lost.
      if (!ending && signal === null && code !== 0) setTimeout(() => { if (!ending) void begin(node).catch((error: Error) => log.error('a node agent could not be started', { node: node.name, error })); }, RESTART_MS).unref();
      settle();
    }));
  }

  async function finish(node: FurtherNode, reason: 'stop' | 'down'): Promise<void> {
    const { child } = node;
    if (child === undefined) return;
    child.stdin?.end(reason === 'down' ? 'down\n' : '');
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await node.ended;
    clearTimeout(timer);
  }

  /** An agent is needed once more, to end what it left. */
  async function removeOthers(): Promise<void> {
    const folder = join(folders.state, 'nodes');
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const number = Number(name.slice(config.nodeName.length + 1));
      if (nodes.has(name)) continue;
      if (furtherNodeName(config, number) === name && number > 1) {
        const node: FurtherNode = { name, number, ended: Promise.resolve(), state: 'ending' };
        await begin(node);
        ending = true;
        await finish(node, 'down').finally(() => { ending = false; });
      }
      rmSync(furtherFolders(folders, name).state, { recursive: true, force: true });
      await client.delete(Node, name).catch((error: unknown) => { if (!isApiError(error, 'NotFound')) throw error; });
    }
  }

  const find = (name: string): FurtherNode => {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`there is no further node '${name}'; there are ${[...nodes.keys()].join(', ') || "none: 'llmos up --nodes 3' makes two"}`);
    return node;
  };
  return {
    list: () => [...nodes.values()].map(({ name, number, state, child }) => ({ name, state, ...(child?.pid === undefined ? {} : { pid: child.pid }), address: sliceOf(config, number).address })),
    start: async (name) => begin(find(name)),
    lose: (name) => void find(name).child?.kill('SIGKILL'),
    async end(reason) {
      ending = true;
      if (reason === 'down') for (const node of nodes.values()) await begin(node).catch(() => {}); // one that was lost has containers too
      await Promise.all([...nodes.values()].map((node) => finish(node, reason)));
    },
  };
}

/** A network namespace with one link to the bridge, kept by a mount; and the CNI configuration by which the pods of the node get addresses of its range. */
async function joinNetwork(config: Config, { name, number }: Pick<FurtherNode, 'name' | 'number'>): Promise<void> {
  const { run: folder } = furtherFolders(config.folders, name);
  const slice = sliceOf(config, number);
  const { gatewayIp, podCidr } = networkFactsOf(config);
  mkdirSync(join(folder, 'cni'), { recursive: true, mode: 0o700 });
  const conflist = readFileSync(join(config.folders.run, 'cni', `10-${config.instance}.conflist`), 'utf8');
  const parsed = JSON.parse(conflist) as { name: string; plugins: { ipam: { dataDir: string; ranges: object[][] } }[] };
  const ipam = parsed.plugins[0]!.ipam;
  ipam.ranges = [[{ subnet: podCidr, gateway: gatewayIp, rangeStart: slice.first, rangeEnd: slice.last }]];
  writeFileSync(join(folder, 'cni', `10-${config.instance}.conflist`), JSON.stringify(parsed));
  // host-local takes an address with a file for given away.
  const lease = join(ipam.dataDir, parsed.name, slice.address);
  mkdirSync(dirname(lease), { recursive: true });
  writeFileSync(lease, `${name}\r\neth0`);
  const pinned = join(folder, 'network');
  if (existsSync(pinned) && statSync(pinned).dev === statSync('/proc/self/ns/net').dev) return;
  writeFileSync(pinned, '');
  const far = `${config.instance}n${number}`;
  await run('unshare', [`--net=${pinned}`, 'ip', 'link', 'set', 'lo', 'up']);
  const inside = [`link add eth0 type veth peer name ${far} netns ${process.pid}`, `addr add ${slice.address}/${podCidr.split('/')[1]} dev eth0`, 'link set eth0 up'];
  await run('nsenter', [`--net=${pinned}`, 'ip', '-batch', '-'], { input: `${inside.join('\n')}\n` });
  await run('ip', ['-batch', '-'], { input: `link set dev ${far} master ${config.instance}0\nlink set dev ${far} type bridge_slave hairpin on\nlink set dev ${far} up\n` });
  await run('nsenter', [`--net=${pinned}`, 'ip', 'route', 'add', 'default', 'via', gatewayIp]);
}
