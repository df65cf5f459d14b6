/**
 * Endpoints that left: their connections go on until their drain is over, in whatever process of HAProxy they are, and end then, whatever
 * became of HAProxy and llmos meanwhile.
 */
import type { Log } from '../../../base/log.ts';
import { askHaproxy, tellHaproxy } from '../../../sdk/haproxy/commands.ts';
import { createDepartures } from '../../../sdk/haproxy/departures.ts';
import type { Keeper } from '../../../sdk/haproxy/keeper.ts';
import { endConnections, leftovers } from '../../../sdk/haproxy/leftover.ts';
import type { Formers } from '../../../sdk/haproxy/line.ts';
import { serverStates } from '../../../sdk/haproxy/servers.ts';
import { commandsAfterDrain, commandsFor, keyOf, sessionsAt, type Endpoint, type Frontend, type Slots } from './configuration.ts';

export interface Leaving {
  /** These are carried from now on: who is among them has come again, who is not any more leaves. */
  carried(frontends: readonly Frontend[]): void;
  /** Takes up what an earlier llmos had to end; once is enough. */
  resume(): void;
  /** The slots of the process that an earlier llmos started, with those that were leaving then. */
  slotsOfEarlier(): Promise<Slots>;
}

export interface LeavingInput {
  /** That of HAProxy: it is written there who leaves until when. */
  folder: string;
  socket: string;
  log: Log;
  signal: AbortSignal;
  keeper: Pick<Keeper, 'enqueue' | 'line'>;
  /** Processes of before, with the slots that they had. */
  formers: Formers<Slots>;
  /** What the process that runs has. */
  now(): { frontends: readonly Frontend[]; slots: Slots };
}

export function createLeaving({ folder, socket, log, signal, keeper, formers, now }: LeavingInput): Leaving {
  const departures = createDepartures(folder);
  const draining = new WeakSet<Endpoint>();
  let hasResumed = false;

  /** What is known of the processes of before is brought along: they take no connections any more, and no commands about servers. */
  function bringAlong(frontends: readonly Frontend[]): void {
    for (const { known: theirs } of formers.all()) {
      commandsFor(frontends.map((each) => {
        const own = new Set((theirs.get(each.name) ?? []).flatMap((endpoint) => (endpoint === undefined ? [] : [keyOf(endpoint)])));
        return { ...each, endpoints: each.endpoints.filter((endpoint) => own.has(keyOf(endpoint))) };
      }), theirs);
    }
  }

  /** Ends, in time, the connections of endpoints that left. */
  function drain(frontends: readonly Frontend[]): void {
    for (const { name, settings, endpoints } of frontends) {
      for (const each of endpoints) departures.end(name, each);
      if (settings?.drainMs === undefined) continue;
      for (const held of [now().slots, ...formers.all().map((each) => each.known)]) {
        for (const endpoint of held.get(name) ?? []) {
          if (endpoint?.leaving !== true || draining.has(endpoint)) continue;
          draining.add(endpoint);
          const untilMs = departures.untilOf(name, endpoint) ?? Date.now() + settings.drainMs;
          departures.add([{ name, address: endpoint.address, port: endpoint.port, untilMs }]);
          at(untilMs, () => end(name, endpoint));
        }
      }
    }
  }

  function at(timeMs: number, step: () => Promise<void>): void {
    setTimeout(() => void keeper.enqueue(step), Math.max(0, timeMs - Date.now())).unref();
  }

  async function end(name: string, endpoint: Endpoint): Promise<void> {
    if (signal.aborted) return;
    try {
      const commands = commandsAfterDrain(name, endpoint, now().slots);
      if (commands.length > 0) await tellHaproxy(socket, commands);
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

  async function over(name: string, endpoint: Endpoint): Promise<void> {
    // It came again, and left again later.
    if (signal.aborted || (departures.untilOf(name, endpoint) ?? 0) > Date.now()) return;
    departures.end(name, endpoint);
    await endLeftover(endpoint).catch((error: unknown) => log.warn('connections to an endpoint that left could not be ended', { error }));
  }

  /** In processes that nobody can talk to: whose connections these are cannot be asked there, so not while anybody may have them. */
  async function endLeftover({ address, port }: Endpoint): Promise<void> {
    const isIt = (each: { address: string; port: number }): boolean => each.address === address && each.port === port;
    if (now().frontends.some(({ endpoints }) => endpoints.some(isIt)) || departures.all().some(isIt)) return;
    const left = await endConnections(await leftovers(folder, [...(keeper.line === undefined ? [] : [keeper.line]), ...formers.all().map(({ line }) => line)]), { address, port });
    if (left > 0) log.warn('connections to an endpoint that left could not be ended: the kernel does not (CONFIG_INET_DIAG_DESTROY)', { connections: left });
  }

  return {
    carried(frontends) {
      bringAlong(frontends);
      drain(frontends);
    },
    resume() {
      if (hasResumed) return;
      hasResumed = true;
      // What can be asked for by name is looked after by the drain, too.
      for (const { name, address, port, untilMs } of departures.all()) at(untilMs, () => over(name, { address, port }));
    },
    async slotsOfEarlier() {
      const found: Slots = new Map();
      for (const { backend, index, address, port, isReady } of serverStates(await askHaproxy(socket, 'show servers state').catch(() => ''))) {
        const own = found.get(backend) ?? [];
        const isLeaving = !isReady && departures.untilOf(backend, { address, port }) !== undefined;
        while (own.length < index) own.push(undefined);
        own[index] = isReady ? { address, port } : isLeaving ? { address, port, leaving: true } : undefined;
        found.set(backend, own);
      }
      return found;
    },
  };
}
