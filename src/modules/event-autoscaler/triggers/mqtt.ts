/**
 * mqtt (llmos): what a topic says. `mode: messageRate` counts messages a second since the last reading; `mode: value` takes the number in the last
 * message, plain or at `valueLocation` of its JSON. MQTT 3.1.1 with QoS 0, a subscription that is kept. A reading is one that the broker has answered
 * for: of one that is silent nobody knows whether there was nothing to say.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { valueAt } from './formats.ts';
import { connectPacket, packetsIn, PINGREQ, readPublish, subscribePacket, type Packet } from './mqtt-packets.ts';
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type Trigger, type TriggerFactory } from './trigger.ts';

const KEEP_ALIVE_SECONDS = 60;
const MOST_BUFFERED = 1024 * 1024;
/** What was counted for less is no rate. */
const LEAST_WINDOW_MS = 1_000;

export const mqtt: TriggerFactory = (input): Trigger => {
  const parameters = parametersOf(input);
  const { clock } = input.context;
  const host = parameters.needed('host');
  const url = URL.parse(host.includes('://') ? host : `mqtt://${host}`);
  if (url === null || (url.protocol !== 'mqtt:' && url.protocol !== 'mqtts:')) throw new TriggerError(`host ${JSON.stringify(host)}: write mqtt://host:1883 or mqtts://host:8883`);
  const topic = parameters.needed('topic');
  const mode = parameters.text('mode') ?? 'messageRate';
  if (mode !== 'messageRate' && mode !== 'value') throw new TriggerError(`mode ${JSON.stringify(mode)}: write messageRate or value`);
  const location = parameters.text('valueLocation');
  const target = parameters.target('value');
  const activation = parameters.number('activationValue', 0);
  let session: Socket | undefined;
  let ready: Promise<void> | undefined;
  let count = 0;
  let sinceMs = clock.nowMs();
  let rate: number | undefined;
  let last: unknown;
  /** Who waits for the broker to answer. */
  let pinged: (() => void)[] = [];

  function take(payload: Buffer): void {
    count += 1;
    if (mode !== 'value') return;
    const text = payload.toString('utf8');
    try {
      last = location === undefined ? text.trim() : valueAt(JSON.parse(text), location);
    } catch {
      last = text; // no number: the reading says it
    }
  }

  function open(): Promise<void> {
    const port = Number(url!.port) || (url!.protocol === 'mqtts:' ? 8883 : 1883);
    const socket = url!.protocol === 'mqtts:' ? connectTls({ host: url!.hostname, port, servername: url!.hostname, ca: parameters.text('ca'), rejectUnauthorized: !parameters.flag('unsafeSsl') }) : connectTcp({ host: url!.hostname, port });
    session = socket;
    socket.unref(); // it ends with the module, and keeps nothing alive
    return new Promise((resolve, reject) => {
      let buffered: Buffer = Buffer.alloc(0);
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${READ_TIMEOUT_MS / 1_000} s`)), READ_TIMEOUT_MS);
      const pinging = setInterval(() => socket.write(PINGREQ), (KEEP_ALIVE_SECONDS * 1_000) / 2).unref();
      socket.on(url!.protocol === 'mqtts:' ? 'secureConnect' : 'connect', () => socket.write(connectPacket({ clientId: `llmos-${randomBytes(6).toString('hex')}`, keepAliveSeconds: KEEP_ALIVE_SECONDS, username: parameters.text('username'), password: parameters.text('password') })));
      socket.on('data', (chunk: Buffer) => {
        try {
          const { packets, rest } = packetsIn(Buffer.concat([buffered, chunk]));
          buffered = rest;
          if (buffered.length > MOST_BUFFERED) throw new Error(`a message is larger than ${MOST_BUFFERED} bytes`);
          packets.forEach(receive);
        } catch (error) {
          socket.destroy(new Error(`what the broker says makes no sense: ${(error as Error).message}`, { cause: error }));
        }
      });
      const receive = (packet: Packet): void => {
        if (packet.type === 'connack' && packet.body[1] === 0) socket.write(subscribePacket(topic));
        else if (packet.type === 'connack') socket.destroy(new Error(`the broker refused the connection (code ${packet.body[1]})`));
        else if (packet.type === 'suback' && packet.body[2] !== 0x80) {
          clearTimeout(timer);
          [count, sinceMs, rate] = [0, clock.nowMs(), undefined];
          resolve();
        } else if (packet.type === 'suback') socket.destroy(new Error(`the broker refused the subscription to ${topic}`));
        else if (packet.type === 'publish') take(readPublish(packet).payload);
        else if (packet.type === 'pingresp') pinged.splice(0).forEach((answered) => answered());
      };
      socket.on('error', () => {}); // `close` says it
      socket.on('close', () => {
        clearTimeout(timer);
        clearInterval(pinging);
        pinged = [];
        if (session === socket) session = ready = undefined;
        reject(new Error(`mqtt at ${url!.host}: ${socket.errored?.message ?? 'the connection ended'}`));
      });
    });
  }

  /** Settles when the broker has answered, and so has sent what it had; rejects when it does not, and lets go of the connection. */
  function answers(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${READ_TIMEOUT_MS / 1_000} s`)), READ_TIMEOUT_MS);
      const ended = (): void => {
        clearTimeout(timer);
        reject(new Error(`mqtt at ${url!.host}: ${socket.errored?.message ?? 'the connection ended'}`));
      };
      socket.once('close', ended);
      pinged.push(() => {
        socket.off('close', ended);
        clearTimeout(timer);
        resolve();
      });
      socket.write(PINGREQ);
    });
  }

  return {
    name: metricName('mqtt', topic), target,
    async read(signal) {
      await (ready ??= open());
      // The first of a connection is of its first second.
      if (mode === 'messageRate' && rate === undefined) await clock.sleep(sinceMs + LEAST_WINDOW_MS - clock.nowMs(), signal);
      if (session === undefined) throw new Error(`mqtt at ${url.host}: the connection ended`);
      await answers(session);
      const nowMs = clock.nowMs();
      if (nowMs < sinceMs) [count, sinceMs] = [0, nowMs]; // the clock was set
      else if (nowMs - sinceMs >= LEAST_WINDOW_MS) [rate, count, sinceMs] = [count / ((nowMs - sinceMs) / 1_000), 0, nowMs];
      const value = mode === 'messageRate' ? (rate ?? 0) : last === undefined ? 0 : finite(last, `the last message of ${topic}`);
      return { value, active: value > activation };
    },
    close() {
      session?.destroy();
      session = ready = undefined;
    },
  };
};
