/**
 * One HAProxy an instance, started when a Service first asks for it and told to end, with its connections, when none does. It outlives llmos, as the rules do: the next
 * one finds it by its pid file, whose process must run our configuration file. Watched by a connection to it that stays open, so that its
 * end is known at once; a killed one is started again, with back-off.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import { tellHaproxy } from '../../../sdk/haproxy/commands.ts';
import { groupToRunAs } from '../../../sdk/haproxy/group.ts';
import { createKeeper } from '../../../sdk/haproxy/keeper.ts';
import { createFormers, endOfListening, openLine } from '../../../sdk/haproxy/line.ts';
import { createListening } from '../../../sdk/haproxy/listening.ts';
import { migration } from '../../../sdk/haproxy/migration.ts';
import { createOutlierWatch } from '../../../sdk/haproxy/outliers.ts';
import { SERVICE_PROXY_GROUP } from '../../../sdk/haproxy/ports.ts';
import { endSilent, haproxyFiles, haproxyPid, retireHaproxy, startHaproxy, takeOver } from '../../../sdk/haproxy/process.ts';
import { commandsFor, configurationOf, needsReload, placesOf, slotsFor, type Frontend, type Slots } from './configuration.ts';
import { createCounting } from './counting.ts';
import { createLeaving } from './leaving.ts';
import { createListenPorts } from './listen-ports.ts';
import { SIGNAL_RANGES, signalText } from './signals.ts';

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

const READY_MS = 5_000;

export function createHaproxy({ program, folder, gatewayIp, gatewayIp6, log, signal }: HaproxyInput): Haproxy {
  const files = haproxyFiles(folder);
  const ranges = join(folder, 'ranges.map');
  const listening = createListening();
  migration.resume(folder);
  let loaded: readonly Frontend[] = [];
  let slots: Slots = new Map();
  /** It broke off in the midst of a change: what its slots have is not known until the next one is loaded. */
  let isAstray = false;
  /** Their slots are as they were when the next process came, brought along as far as endpoints leave. */
  const formers = createFormers<Slots>();
  const counting = createCounting(files.socket);
  const keeper = createKeeper({ folder, name: 'HAProxy', log, signal, start: () => load(loaded), look: () => counting.countInTime() });
  const leaving = createLeaving({ folder, socket: files.socket, log, signal, keeper, formers, now: () => ({ frontends: loaded, slots }) });
  const ports = createListenPorts({ gatewayIp, configuration: files.configuration, carried: () => loaded.map(({ name }) => name) });
  let isGroupMissed = false;
  const outliers = createOutlierWatch({
    folder, signal, enqueue: (step) => keeper.enqueue(step),
    watched: () => loaded.flatMap(({ name, settings, wire = 'tcp' }) => (settings?.outliers === undefined || wire === 'tcp' ? [] : [{ name, errors: settings.outliers.errors }])),
  });

  function ownGroup(): number | undefined {
    const group = groupToRunAs(SERVICE_PROXY_GROUP);
    if (group === undefined && !isGroupMissed) log.warn('HAProxy runs without a group of its own, since this process may not give it one (CAP_SETGID): when a network policy comes into force, what HAProxy carries goes on for some milliseconds');
    isGroupMissed = group === undefined;
    return group;
  }

  function writeConfiguration(text: string | Buffer): void {
    writeFileSync(`${files.configuration}.new`, text, { mode: 0o600 });
    renameSync(`${files.configuration}.new`, files.configuration);
  }

  async function load(frontends: readonly Frontend[]): Promise<void> {
    await endSilent(folder);
    const earlier = keeper.line === undefined && loaded.length === 0 && haproxyPid(folder) !== undefined ? await leaving.slotsOfEarlier() : undefined;
    const slotsBefore = earlier ?? slots;
    const nextSlots = slotsFor(frontends, slotsBefore);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const inheritance = listening.take(frontends.flatMap((each) => placesOf(each, { gatewayIp, gatewayIp6 })));
    writeFileSync(ranges, SIGNAL_RANGES, { mode: 0o600 });
    const configurationBefore = existsSync(files.configuration) ? readFileSync(files.configuration) : undefined;
    writeConfiguration(configurationOf(frontends, { gatewayIp, gatewayIp6, socket: files.socket, peers: files.peers, ranges, listening: inheritance, group: ownGroup() }, nextSlots));
    const pid = haproxyPid(folder);
    // Without a line to it, it is of the time before we came.
    if (pid !== undefined && keeper.line === undefined) migration.begin(folder);
    if (pid !== undefined) await counting.count().catch(() => {});
    const passing = takeOver(folder);
    const former = passing.length === 0 ? undefined : (keeper.line ?? openLine(files.socket, () => {}));
    try {
      await startHaproxy(program, folder, { passing, fds: inheritance.fds, timeoutMs: READY_MS });
    } catch (error) {
      // The ports of what runs stand in the one of before, for the next llmos.
      if (configurationBefore === undefined) rmSync(files.configuration, { force: true });
      else writeConfiguration(configurationBefore);
      if (former !== keeper.line) former?.close();
      throw error;
    }
    // Not before: one that did not start leaves the one of before with what that has.
    loaded = frontends;
    slots = nextSlots;
    isAstray = false;
    counting.nextProcess();
    outliers.forget();
    listening.keep(inheritance.fds);
    if (former !== undefined) await endOfListening(former);
    if (former !== undefined && (former === keeper.line || earlier !== undefined)) formers.add(former, slotsBefore);
    else former?.close();
    if (former === undefined) keeper.line?.close();
    keeper.attend();
    leaving.carried(frontends);
    leaving.resume();
  }

  async function carry(frontends: readonly Frontend[]): Promise<void> {
    if (frontends.length === 0) {
      loaded = [];
      keeper.leave();
      formers.close();
      counting.forget();
      retireHaproxy(folder);
      return listening.close();
    }
    if (haproxyPid(folder) === undefined || isAstray || needsReload(loaded, frontends, slots)) await load(frontends);
    else {
      const commands = commandsFor(frontends, slots);
      if (commands.length > 0) await tellHaproxy(files.socket, commands).catch((error: unknown) => {
        log.warn('HAProxy did not take a change of endpoints and is loaded anew', { error });
        isAstray = true;
        return load(frontends);
      });
      loaded = frontends;
      leaving.carried(frontends);
    }
    keeper.keep();
    outliers.look();
  }

  signal.addEventListener('abort', () => {
    formers.close();
    listening.close();
  }, { once: true });
  return {
    async metrics() {
      if (loaded.length === 0) return '';
      // While it is down, what is known.
      await keeper.enqueue(() => (haproxyPid(folder) === undefined ? Promise.resolve() : counting.count().catch(() => {})));
      return signalText(counting.total());
    },
    carry: (frontends) => keeper.enqueue(() => carry(frontends)),
    pid: () => haproxyPid(folder),
    portFor: (name) => ports.portFor(name),
  };
}
