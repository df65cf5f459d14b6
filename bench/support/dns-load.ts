/** Asks a name server from sockets of its own, each with one question under way, for some seconds; prints how many answers there were and how long they took. */
import { createSocket } from 'node:dgram';

const [address = '', port = '', seconds = '2', atOnce = '16', ...names] = process.argv.slice(2);
const queries = names.map((name) => Buffer.concat([
  Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0, 0, 1, 0, 1]),
]));
const tookMs: number[] = [];
let empty = 0;
let lost = 0;
const until = performance.now() + Number(seconds) * 1_000;

await Promise.all(Array.from({ length: Number(atOnce) }, (_, at) => new Promise<void>((resolve) => {
  const socket = createSocket('udp4');
  let sent = 0;
  let count = at;
  let timer: NodeJS.Timeout | undefined;
  const ask = (): void => {
    sent = performance.now();
    if (sent > until) {
      clearTimeout(timer);
      socket.close();
      return resolve();
    }
    socket.send(queries[count++ % queries.length]!);
  };
  socket.on('message', (answer) => {
    tookMs.push(performance.now() - sent);
    if (answer.readUInt16BE(6) === 0) empty++;
    timer?.refresh();
    ask();
  });
  socket.connect(Number(port), address, () => {
    timer = setInterval(() => {
      lost++;
      ask();
    }, 1_000);
    ask();
  });
})));
tookMs.sort((a, b) => a - b);
console.log(JSON.stringify({ perSecond: tookMs.length / Number(seconds), p50Ms: tookMs[Math.floor(tookMs.length / 2)], p99Ms: tookMs[Math.floor(tookMs.length * 0.99)], empty, lost }));
process.exit(0);
