/**
 * The HAProxy of the gateways: started with the first door and ended with the last. It outlives llmos; the next one finds it by its pid file, whose
 * process must run our configuration. A configuration is checked before it takes the place of the one that runs; a killed process is started again.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import { runAny } from '../../../base/sys/run.ts';
import type { Way } from '../forward/forwarder.ts';
import type { Forwarding } from '../forward/start.ts';
import { isStandIn, standInFor, waysOf, type WayFacts } from '../forward/ways.ts';
import type { Door } from '../plan.ts';
import { configurationOf, RING } from './configuration.ts';
import { doorName, placesOf, type Challenges, type Configuration } from './page.ts';
import { askedFor, commandsFor, hasRoom, keyOf, slotsFor, type Endpoint, type Slots } from './slots.ts';
import { askHaproxy, tellHaproxy } from '../../../sdk/haproxy/commands.ts';
import { createListening } from '../../../sdk/haproxy/listening.ts';
import { migration } from '../../../sdk/haproxy/migration.ts';
import { createFormers, endOfListening, openLine } from '../../../sdk/haproxy/line.ts';
import { createOutlierWatch } from '../../../sdk/haproxy/outliers.ts';
import { createKeeper } from '../../../sdk/haproxy/keeper.ts';
import { endHaproxy, endSilent, haproxyFiles, haproxyPid, startHaproxy, takeOver } from '../../../sdk/haproxy/process.ts';
import { serverStates } from '../../../sdk/haproxy/servers.ts';
import { createDoorPorts } from './door-ports.ts';
import { createDrains } from './drains.ts';
import { createCounts, type Counted, type Counts } from './counts.ts';

export interface ProxyInput {
  program: string;
  /** Made with mode 0700. */
  folder: string;
  /** Where HAProxy's lines about requests go; not in the folder, which goes with HAProxy. */
  linesPort: number;
  /** Takes such a line that comes by another way: of a process that was replaced. */
  takeLine(line: string): void;
  /** Challenges of ACME that are to be answered. */
  challenges?(): Challenges;
  /** Whether requests are spans of their own in their traces. */
  sendsSpans?: boolean;
  /** Whether each request has its line; else those of busy doors are counted by HAProxy. */
  tellsAll?: boolean;
  gatewayIp: string;
  /** Of the second family, where there is one. */
  gatewayIp6?: string | undefined;
  /** The endpoints of a port of a Service as they are now. */
  endpointsOf(backend: { serviceKey: string; portName: string }): readonly Endpoint[];
  /** How long connections to an endpoint that left may go on; undefined: to their end. */
  drainMsOf?(backend: { serviceKey: string; portName: string }): number | undefined;
  log: Log;
  signal: AbortSignal;
}

export interface Proxy {
  /** Brings HAProxy to these doors. Gives the actions that cannot be carried out, by id, with why: nothing was changed then. Rejects where it cannot be had. */
  carry(doors: readonly Door[]): Promise<ReadonlyMap<string, string>>;
  /** Takes in changed endpoints. */
  refresh(): Promise<void>;
  /** Where a door listens on the gateway's address. */
  portOf(door: Pick<Door, 'owner' | 'port'>): number | undefined;
  /** What HAProxy counted since the last call, of requests that have no lines; `inherited` is of the time before we came. */
  counted(): Promise<{ recent: readonly Counted[]; inherited: readonly Counted[] }>;
  /** How many answers came of each endpoint, by its address, as long as we have been here. */
  served(): Promise<ReadonlyMap<string, number>>;
  /** After the abort: settles when nothing is under way. */
  settled(): Promise<void>;
}

const MOST_SERVED = 10_000;
const READY_MS = 10_000;

export function createProxy({ program, folder, linesPort, takeLine, challenges, sendsSpans, tellsAll, gatewayIp, gatewayIp6, endpointsOf, drainMsOf, log, signal }: ProxyInput): Proxy {
  const files = filesIn(folder);
  const doorPorts = createDoorPorts({ file: files.ports, gatewayIp });
  const ports = doorPorts.all;
  const listening = createListening();
  migration.resume(folder);
  let loaded: Configuration | undefined;
  let slots: Slots = new Map();
  /** It broke off in the midst of a change: what its slots have is not known until the next one is loaded. */
  let isAstray = false;
  const formers = createFormers<undefined>();
  const keeper = createKeeper({
    folder, name: 'HAProxy of the gateways', log, signal,
    async start() {
      if (loaded !== undefined) await load(loaded, endpointsBy(loaded));
    },
  });
  let counts: Counts | undefined;
  /** The last of processes that were replaced. */
  const recent: Counted[] = [];
  const inherited: Counted[] = [];
  /** Of at most so many addresses: those that have gone for long go first. */
  const served = new Map<string, number>();

  let waysWanted: ReadonlyMap<string, WayFacts> = new Map();
  let forwarding: Forwarding | undefined;

  const outliers = createOutlierWatch({
    folder, signal, enqueue: (step) => keeper.enqueue(step),
    watched: () => (loaded === undefined ? [] : [...loaded.backends].flatMap(([name, { outliers: errors }]) => (errors === undefined ? [] : [{ name, errors }]))),
  });
  const drains = createDrains({
    folder,
    lines: () => [...(keeper.line === undefined ? [] : [keeper.line]), ...formers.all().map(({ line }) => line)],
    drainMsOf: (name) => {
      const backend = loaded?.backends.get(name);
      return backend === undefined ? undefined : drainMsOf?.(backend);
    },
    has: (name, endpoint) => [...(loaded === undefined ? [] : endpointsBy(loaded))].some(([each, endpoints]) => (name === undefined || name === each) && endpoints.some((one) => keyOf(askedFor(one)) === keyOf(endpoint))),
    log, signal,
  });

  async function carry(wanted: readonly Door[]): Promise<ReadonlyMap<string, string>> {
    if (wanted.length === 0) {
      loaded = undefined;
      counts = undefined;
      waysWanted = new Map();
      await forwarding?.carry([]);
      keeper.leave();
      formers.close();
      await endHaproxy(folder);
      listening.close();
      return new Map();
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const ways = waysOf(wanted);
    await doorPorts.ensure(new Set([...wanted.map(doorName), ...ways.keys()]));
    const inheritance = listening.take(wanted.flatMap((door) => placesOf(door, { gatewayIp, gatewayIp6, ports })));
    const next = configurationOf(wanted, { gatewayIp, gatewayIp6, folder, linesPort, ports, challenges: challenges?.(), sendsSpans, tellsAll, listening: inheritance });
    if (next.unsayable.size > 0) return next.unsayable;
    const endpoints = endpointsBy(next);
    waysWanted = ways;
    await forward(next, endpoints);
    if (loaded?.shape === next.shape && !isAstray && hasRoom(endpoints, slots) && haproxyPid(folder) !== undefined) await update(endpoints);
    else {
      const wrong = await load(next, endpoints);
      if (wrong.size > 0) return wrong;
    }
    keeper.keep();
    return new Map();
  }

  function endpointsBy({ backends }: Configuration): Map<string, readonly Endpoint[]> {
    return new Map([...backends].map(([name, backend]) => {
      const endpoints = endpointsOf(backend);
      return [name, backend.through === undefined ? endpoints : endpoints.map((each) => ({ ...each, ...withStandIn(each.address) }))];
    }));
  }

  /** Before HAProxy asks for them; who leaves may be asked for until HAProxy knows. */
  async function forward({ backends }: Configuration, endpoints: ReadonlyMap<string, readonly Endpoint[]>): Promise<void> {
    if (waysWanted.size === 0 && forwarding === undefined) return;
    const wanted = [...waysWanted].map(([name, way]): Way => {
      const own = [...backends].filter(([, { through }]) => through === name).flatMap(([backend]) => [...(slots.get(backend) ?? []), ...(endpoints.get(backend) ?? [])]);
      return { ...way, port: ports.get(name) ?? 0, endpoints: Object.fromEntries(own.flatMap((each) => (each === undefined ? [] : [[keyOf(askedFor(each)), { address: each.address, port: each.port }]]))) };
    });
    forwarding ??= (await import('../forward/start.ts')).startForwarding({ log, signal });
    await forwarding.carry(wanted);
  }

  async function update(endpoints: ReadonlyMap<string, readonly Endpoint[]>): Promise<void> {
    drains.compare(slots, endpoints);
    const commands = commandsFor(endpoints, slots);
    if (commands.length === 0) return;
    await tellHaproxy(files.socket, commands).catch(async (error: unknown) => {
      log.warn('HAProxy did not take a change of endpoints and is loaded anew', { error });
      isAstray = true;
      if (loaded !== undefined) await load(loaded, endpoints);
    });
  }

  /** Gives the actions at fault, when the configuration is not taken. */
  async function load(next: Configuration, endpoints: ReadonlyMap<string, readonly Endpoint[]>): Promise<ReadonlyMap<string, string>> {
    await endSilent(folder);
    const isFirst = loaded === undefined;
    if (isFirst && haproxyPid(folder) !== undefined) slots = await slotsOfEarlier();
    const before = slots;
    const nextSlots = slotsFor(endpoints, before);
    for (const [name, content] of next.files) if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), content, { mode: 0o600 });
    const trial = `${files.configuration}.new`;
    writeFileSync(trial, next.text(nextSlots), { mode: 0o600 });
    const { fds } = next;
    // One that ran already is not looked at again: clients wait.
    const { code, stderr } = next === loaded ? { code: 0, stderr: '' } : await runAny(program, ['-c', '-f', trial], { timeoutMs: READY_MS, fds });
    if (code !== 0) {
      const wrong = faultsOf(stderr, trial, (line) => next.ownerOf(line, nextSlots));
      if (wrong.size === 0) throw new Error(`HAProxy refuses the configuration: ${stderr.trim().slice(0, 2_000)}`);
      return wrong;
    }
    renameSync(trial, files.configuration);
    const pid = haproxyPid(folder);
    const passing = takeOver(folder);
    // One that was made by an older llmos may not know how.
    const held = passing.length === 0 ? undefined : await (counts ?? createCounts({ socket: files.socket, ring: RING, take: takeLine })).hold().catch(() => undefined);
    (counts === undefined ? inherited : recent).push(...(held?.last ?? []));
    if (counts !== undefined && held !== undefined) addServed(held.served);
    if (loaded === undefined && pid !== undefined) migration.begin(folder);
    const former = passing.length === 0 ? undefined : (keeper.line ?? openLine(files.socket, () => {}));
    try {
      await startHaproxy(program, folder, { passing, fds, timeoutMs: READY_MS });
    } catch (error) {
      held?.release('kept');
      if (former !== keeper.line) former?.close();
      throw error;
    }
    if (former !== undefined) {
      await endOfListening(former);
      formers.add(former, undefined);
    } else keeper.line?.close();
    held?.release('replaced');
    listening.keep(fds);
    counts = createCounts({ socket: files.socket, ring: RING, take: takeLine });
    slots = nextSlots;
    loaded = next;
    isAstray = false;
    outliers.forget();
    outliers.look();
    keeper.attend();
    if (former !== undefined) drains.compare(before, endpoints);
    if (isFirst) drains.resume();
    for (const name of readdirSync(folder)) if (/\.(pem|txt|lua)$/.test(name) && !next.files.has(name)) rmSync(join(folder, name), { force: true });
    return new Map();
  }

  /** Of the process that an earlier llmos started: who left since is known by them. */
  async function slotsOfEarlier(): Promise<Slots> {
    const found: Slots = new Map();
    const states = serverStates(await askHaproxy(files.socket, 'show servers state').catch(() => ''));
    for (const { backend, index, address, port, isReady } of states) {
      const own = found.get(backend) ?? [];
      // One that the forwarder stood for was cut off with it.
      own[index] = isReady && !isStandIn(address) ? { address, port } : undefined;
      found.set(backend, own);
    }
    return found;
  }

  async function counted(): ReturnType<Proxy['counted']> {
    const now = tellsAll === true || haproxyPid(folder) === undefined ? [] : await counts?.read();
    return { recent: [...recent.splice(0), ...(now ?? [])], inherited: inherited.splice(0) };
  }

  function addServed(more: ReadonlyMap<string, number>): void {
    for (const [address, answers] of more) {
      const sum = (served.get(address) ?? 0) + answers;
      served.delete(address);
      served.set(address, sum);
    }
    for (const address of served.keys()) if (served.size > MOST_SERVED) served.delete(address);
  }

  signal.addEventListener('abort', () => {
    formers.close();
    listening.close();
  }, { once: true });
  return {
    carry: (wanted) => keeper.enqueue(() => carry(wanted)),
    refresh: () => keeper.enqueue(async () => {
      if (loaded === undefined) return;
      const endpoints = endpointsBy(loaded);
      await forward(loaded, endpoints);
      if (!isAstray && hasRoom(endpoints, slots) && haproxyPid(folder) !== undefined) await update(endpoints);
      else await load(loaded, endpoints);
    }),
    counted: () => keeper.enqueue(counted),
    served: () => keeper.enqueue(async () => {
      if (haproxyPid(folder) !== undefined) addServed((await counts?.served()) ?? new Map());
      return served;
    }),
    portOf: (door) => ports.get(doorName(door)),
    settled: () => keeper.settled(),
  };
}

function withStandIn(address: string): Pick<Endpoint, 'standIn'> {
  const standIn = standInFor(address);
  return standIn === undefined ? {} : { standIn };
}

function filesIn(folder: string): ReturnType<typeof haproxyFiles> & { ports: string } {
  return { ...haproxyFiles(folder), ports: join(folder, 'ports.json') };
}

/** `[ALERT] (1) : config : parsing [FILE:12] : what is wrong`, for lines that were written for an action. */
export function faultsOf(stderr: string, file: string, ownerOf: (line: number) => string | undefined): Map<string, string> {
  const faults = new Map<string, string>();
  for (const [, name, line, text = ''] of stderr.matchAll(/^\[ALERT\].*?\[(\S+?):(\d+)\]\s*:\s*(.*)$/gm)) {
    const owner = name === file ? ownerOf(Number(line)) : undefined;
    if (owner !== undefined && !faults.has(owner)) faults.set(owner, text.trim().slice(0, 500));
  }
  return faults;
}
