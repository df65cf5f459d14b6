/** A connection to the loopback of a pod, by a process in its network namespace: Node cannot enter one. */
import { Duplex } from 'node:stream';
import { start } from '../../../base/sys/run.ts';

/**
 * `namespace` is the path of a network namespace. Rejects with ECONNREFUSED in the message when nobody listens; where that is known only later, the stream is destroyed with that error.
 * What is written after the end is lost, and no error.
 */
export async function connectInside(namespace: string, port: number): Promise<Duplex> {
  const child = start('nsenter', [`--net=${namespace}`, 'busybox', 'nc', '127.0.0.1', String(port)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [input, output] = [child.stdin!, child.stdout!];
  let isTold = false;
  const code = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (exit) => resolve(exit ?? 1));
  });
  const over = new Promise((resolve) => output.once('close', resolve));
  const stream = new Duplex({
    read: () => void output.resume(),
    write: (data, _encoding, done) => void input.write(data, () => done()),
    final: (done) => void input.end(() => done()),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  for (const each of [input, output]) each.on('error', () => {}); // the process may end before it has read all
  output.on('data', (data: Buffer) => {
    isTold = true;
    if (!stream.push(data)) output.pause();
  });
  const refused = new Error(`connect ECONNREFUSED 127.0.0.1:${port}`);
  const isRefused = Promise.all([code, over]).then(([exit]) => exit !== 0 && !isTold && !stream.destroyed);
  const soon = await Promise.race([isRefused, new Promise<undefined>((resolve) => { setTimeout(() => resolve(undefined), SOON_MS); })]);
  if (soon === true) throw refused;
  void isRefused.then((is) => (is ? stream.destroy(refused) : stream.push(null)));
  return stream;
}

/** That nobody listens is known by then, or else later; that somebody does is told by nothing but what he says. */
const SOON_MS = 100;
