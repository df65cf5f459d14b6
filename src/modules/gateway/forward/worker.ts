/** The thread in which connections are forwarded, so that what they carry does not take turns of the loop of the rest. */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { createForwarder, type Way } from './forwarder.ts';

export interface Asked { id: number; ways: readonly Way[] }

/** `idle`: nothing is wanted, and nothing is under way. */
export type Told = { id: number; error?: string } | { idle: true };

const LOOK_MS = 1_000;

/** Nothing is done where there is nobody to tell. */
if (parentPort !== null) attend(parentPort);

function attend(port: MessagePort): void {
  const forwarder = createForwarder();
  let isWanted = true;
  let working: Promise<void> = Promise.resolve();
  const tell = (told: Told): void => port.postMessage(told);
  port.on('message', ({ id, ways }: Asked) => {
    isWanted = ways.length > 0;
    working = working.then(() => forwarder.carry(ways)).then(() => tell({ id }), (error: unknown) => tell({ id, error: error instanceof Error ? error.message : String(error) }));
  });
  setInterval(() => { if (!isWanted && forwarder.connections() === 0) tell({ idle: true }); }, LOOK_MS);
}
