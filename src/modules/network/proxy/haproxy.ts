/**
 * One HAProxy an instance, started when a Service first asks for it and told to end, with its connections, when none does. It outlives llmos, as the rules do: the next
 * one finds it by its pid file, whose process must run our configuration file. Watched by a connection to it that stays open, so that its
 * end is known at once; a killed one is started again, with back-off.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import { isFreePort } from '../../../base/sys/is-free-port.ts';
import { run } from '../../../base/sys/run.ts';
import { commandsAfterDrain, commandsFor, configurationOf, keyOf, needsReload, placesOf, sessionsAt, slotsFor, type Endpoint, type Frontend, type Slots } from './configuration.ts';
import { createOutlierWatch } from '../../../sdk/haproxy/outliers.ts';
import { added, countersOf, signalText, SIGNAL_COMMANDS, SIGNAL_RANGES, type Counters } from './signals.ts';
import { askHaproxy as ask, tellHaproxy as tell } from '../../../sdk/haproxy/commands.ts';
import { createDepartures } from '../../../sdk/haproxy/departures.ts';
import { endConnections, leftovers } from '../../../sdk/haproxy/leftover.ts';
import { createFormers, endOfListening, openLine } from '../../../sdk/haproxy/line.ts';
import { createKeeper } from '../../../sdk/haproxy/keeper.ts';
import { createListening, migrateWaiting } from '../../../sdk/haproxy/listening.ts';
import { SERVICE_PORTS, SERVICE_PROXY_GROUP } from '../../../sdk/haproxy/ports.ts';
import { groupToRunAs } from '../../../sdk/haproxy/group.ts';
import { haproxyFiles, haproxyPid, retireHaproxy } from '../../../sdk/haproxy/process.ts';
import { serverStates } from '../../../sdk/haproxy/servers.ts';

export interface HaproxyInput {
  program: string;
  /** Made with mode 0700; holds configuration, socket and pid. */
  folder: string;
  gatewayIp: string;
  /** Of the second family, where there is one. */
  gatewayIp6?: string | undefined;
  log: Log;
  signal: AbortSignal;
}

export interface Haproxy {
  /** Settles when HAProxy carries exactly these. Rejects with why it cannot. */
  carry(frontends: readonly Frontend[]): Promise<void>;
  /** A port of the gateway's address that is free, or that `name` had in an earlier life. */
  portFor(name: string): Promise<number>;
  pid(): number | undefined;
  /** Lines for /metrics; '' while there is nothing to carry. */
  metrics(): Promise<string>;
}

const { first: FIRST_PORT, last: LAST_PORT } = SERVICE_PORTS;
const READY_MS = 5_000;
const COUNT_MS = 4_000;

export function createHaproxy({ program, folder, gatewayIp, gatewayIp6, log, signal }: HaproxyInput): Haproxy {
  const files = haproxyFiles(folder);
  const ranges = join(folder, 'ranges.map');
  const known = readPorts(files.configuration);
  const listening = createListening();
  let loaded: readonly Frontend[] = [];
  let slots: Slots = new Map();
  /** Their slots are as they were when the next process came, brought along as far as endpoints leave. */
  const formers = createFormers<Slots>();
  const keeper = createKeeper({
    folder, name: 'HAProxy', log, signal,
    start: () => load(loaded),
    async look() {
      if (performance.now() - countedAtMs > COUNT_MS) await count().catch(() => {});
    },
  });
  /** Of processes of before. */
  let counted: Counters = new Map();
  /** Of this process, when they were last looked at. */
  let recent: Counters = new Map();
  let countedAtMs = -Infinity;
  const draining = new WeakSet<Endpoint>();
  const departures = createDepartures(folder);
  let hasResumed = false;
  let isGroupMissed = false;
  const outliers = createOutlierWatch({
    folder, signal, enqueue: (step) => keeper.enqueue(step),
    watched: () => loaded.flatMap(({ name, settings, wire = 'tcp' }) => (settings?.outliers === undefined || wire === 'tcp' ? [] : [{ name, errors: settings.outliers.errors }])),
  });
  const asked = new Map<string, number>();

  function ownGroup(): number | undefined {
    const group = groupToRunAs(SERVICE_PROXY_GROUP);
    if (group === undefined && !isGroupMissed) log.warn('HAProxy runs without a group of its own, since this process may not give it one (CAP_SETGID): when a network policy comes into force, what HAProxy carries goes on for some milliseconds');
    isGroupMissed = group === undefined;
    return group;
  }

  async function load(frontends: readonly Frontend[]): Promise<void> {
    const earlier = keeper.line === undefined && loaded.length === 0 && haproxyPid(folder) !== undefined ? await slotsOfEarlier() : undefined;
    const slotsBefore = earlier ?? slots;
    slots = slotsFor(frontends, slotsBefore);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const inheritance = listening.take(frontends.flatMap((each) => placesOf(each, { gatewayIp, gatewayIp6 })));
    writeFileSync(ranges, SIGNAL_RANGES, { mode: 0o600 });
    writeFileSync(`${files.configuration}.new`, configurationOf(frontends, { gatewayIp, gatewayIp6, socket: files.socket, ranges, listening: inheritance, group: ownGroup() }, slots), { mode: 0o600 });
    renameSync(`${files.configuration}.new`, files.configuration);
    loaded = frontends;
    outliers.forget();
    const pid = haproxyPid(folder);
    // Without a line to it, it is of the time before we came.
    if (pid !== undefined && keeper.line === undefined) migrateWaiting();
    if (pid !== undefined) await count().catch(() => {});
    counted = added(counted, recent);
    recent = new Map();
    // With -sf the old process hands over its listeners and serves its connections to their end.
    const passing = pid !== undefined && existsSync(files.socket) ? ['-x', files.socket, '-sf', String(pid)] : [];
    const former = passing.length === 0 ? undefined : (keeper.line ?? openLine(files.socket, () => {}));
    await run(program, ['-D', '-f', files.configuration, '-p', files.pid, ...passing], { timeoutMs: READY_MS, fds: inheritance.fds });
    listening.keep(inheritance.fds);
    if (former !== undefined) await endOfListening(former);
    if (former !== undefined && (former === keeper.line || earlier !== undefined)) formers.add(former, slotsBefore);
    else former?.close();
    if (former === undefined) keeper.line?.close();
    keeper.attend();
    leave(frontends);
    if (!hasResumed) resume();
  }

  /** With what an earlier llmos had to end; what can be asked for by name is looked after by {@link drain} too. */
  function resume(): void {
    hasResumed = true;
    for (const { name, address, port, untilMs } of departures.all()) setTimeout(() => void keeper.enqueue(() => over(name, { address, port })), Math.max(0, untilMs - Date.now())).unref();
  }

  async function over(name: string, endpoint: Endpoint): Promise<void> {
    // It came again, and left again later.
    if (signal.aborted || (departures.untilOf(name, endpoint) ?? 0) > Date.now()) return;
    departures.end(name, endpoint);
    await endLeftover(endpoint).catch((error: unknown) => log.warn('connections to an endpoint that left could not be ended', { error }));
  }

  /** Of the process that an earlier llmos started, with those that were leaving then. */
  async function slotsOfEarlier(): Promise<Slots> {
    const found: Slots = new Map();
    for (const { backend, index, address, port, isReady } of serverStates(await ask(files.socket, 'show servers state').catch(() => ''))) {
      const own = found.get(backend) ?? [];
      const isLeaving = !isReady && departures.untilOf(backend, { address, port }) !== undefined;
      while (own.length < index) own.push(undefined);
      own[index] = isReady ? { address, port } : isLeaving ? { address, port, leaving: true } : undefined;
      found.set(backend, own);
    }
    return found;
  }

  /** What is known of the processes of before is brought along: they take no connections any more, and no commands about servers. */
  function leave(frontends: readonly Frontend[]): void {
    for (const { known: theirs } of formers.all()) {
      commandsFor(frontends.map((each) => {
        const own = new Set((theirs.get(each.name) ?? []).flatMap((endpoint) => (endpoint === undefined ? [] : [keyOf(endpoint)])));
        return { ...each, endpoints: each.endpoints.filter((endpoint) => own.has(keyOf(endpoint))) };
      }), theirs);
    }
    drain(frontends);
  }

  async function counters(): Promise<Counters> {
    const [stat = '', table = ''] = await Promise.all(SIGNAL_COMMANDS.map((command) => ask(files.socket, command)));
    return countersOf(stat, table);
  }

  /** What a process counted since this was last called goes with it when it is killed. */
  async function count(): Promise<void> {
    recent = await counters();
    countedAtMs = performance.now();
  }

  /** Ends, in time, the connections of endpoints that left, in whatever process they are. */
  function drain(frontends: readonly Frontend[]): void {
    for (const { name, settings, endpoints } of frontends) {
      for (const each of endpoints) departures.end(name, each);
      if (settings?.drainMs === undefined) continue;
      for (const held of [slots, ...formers.all().map((each) => each.known)]) {
        for (const endpoint of held.get(name) ?? []) {
          if (endpoint?.leaving !== true || draining.has(endpoint)) continue;
          draining.add(endpoint);
          const untilMs = departures.untilOf(name, endpoint) ?? Date.now() + settings.drainMs;
          departures.add([{ name, address: endpoint.address, port: endpoint.port, untilMs }]);
          setTimeout(() => void keeper.enqueue(() => end(name, endpoint)), Math.max(0, untilMs - Date.now())).unref();
        }
      }
    }
  }

  async function end(name: string, endpoint: Endpoint): Promise<void> {
    if (signal.aborted) return;
    try {
      const commands = commandsAfterDrain(name, endpoint, slots);
      if (commands.length > 0) await tell(files.socket, commands);
      for (const { line, known: theirs } of formers.all()) {
        const index = (theirs.get(name) ?? []).indexOf(endpoint);
        if (commandsAfterDrain(name, endpoint, theirs).length === 0) continue;
        for (const session of sessionsAt(name, index, await line.ask('show sess'))) await line.ask(`shutdown session ${session}`);
      }
      await over(name, endpoint);
    } catch (error) {
      log.warn('connections to an endpoint that left could not be ended', { error });
    }
  }

  /** In processes that nobody can talk to: whose connections these are cannot be asked there, so not while anybody may have them. */
  async function endLeftover({ address, port }: Endpoint): Promise<void> {
    const isIt = (each: { address: string; port: number }): boolean => each.address === address && each.port === port;
    if (loaded.some(({ endpoints }) => endpoints.some(isIt)) || departures.all().some(isIt)) return;
    const left = await endConnections(await leftovers(folder, [...(keeper.line === undefined ? [] : [keeper.line]), ...formers.all().map(({ line }) => line)]), { address, port });
    if (left > 0) log.warn('connections to an endpoint that left could not be ended: the kernel does not (CONFIG_INET_DIAG_DESTROY)', { connections: left });
  }

  async function carry(frontends: readonly Frontend[]): Promise<void> {
    if (frontends.length === 0) {
      loaded = [];
      keeper.leave();
      formers.close();
      counted = recent = new Map();
      retireHaproxy(folder);
      return listening.close();
    }
    if (haproxyPid(folder) === undefined || needsReload(loaded, frontends, slots)) await load(frontends);
    else {
      const commands = commandsFor(frontends, slots);
      if (commands.length > 0) await tell(files.socket, commands).catch((error: unknown) => {
        log.warn('HAProxy did not take a change of endpoints and is loaded anew', { error });
        return load(frontends);
      });
      loaded = frontends;
      leave(frontends);
    }
    keeper.keep();
    outliers.look();
  }

  /** Ports of what is carried no longer are given again when there are no others; who asked a moment ago may be carried next. */
  function forgetPorts(): void {
    const carried = new Set(loaded.map(({ name }) => name));
    for (const name of known.keys()) {
      if (carried.has(name) || performance.now() - (asked.get(name) ?? -Infinity) < 60_000) continue;
      known.delete(name);
      asked.delete(name);
    }
  }

  signal.addEventListener('abort', () => {
    formers.close();
    listening.close();
  }, { once: true });
  return {
    async metrics() {
      if (loaded.length === 0) return '';
      // While it is down, what is known.
      await keeper.enqueue(() => (haproxyPid(folder) === undefined ? Promise.resolve() : count().catch(() => {})));
      return signalText(added(counted, recent));
    },
    carry: (frontends) => keeper.enqueue(() => carry(frontends)),
    pid: () => haproxyPid(folder),
    async portFor(name) {
      asked.set(name, performance.now());
      const before = known.get(name);
      if (before !== undefined) return before;
      if (known.size >= LAST_PORT - FIRST_PORT) forgetPorts();
      const taken = new Set(known.values());
      for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
        if (taken.has(port) || !(await isFreePort(gatewayIp, port))) continue;
        known.set(name, port);
        return port;
      }
      throw new Error(`no port of ${gatewayIp} between ${FIRST_PORT} and ${LAST_PORT} is free for the proxy`);
    },
  };
}

/** The ports by name that a configuration of an earlier life listens on. */
function readPorts(file: string): Map<string, number> {
  if (!existsSync(dirname(file)) || !existsSync(file)) return new Map();
  return new Map([...readFileSync(file, 'utf8').matchAll(/^listen (\S+)\n {2}bind .*?:(\d+)(?: proto h2)?$/gm)].map(([, name = '', port]) => [name, Number(port)]));
}
