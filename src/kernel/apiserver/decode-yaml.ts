/**
 * YAML as a JSON value. Reading it costs far more than JSON, in time and memory, so a text of some size is read in a thread of its own, one at a
 * time and of each user in turn, with bounds on both: the door answers others meanwhile.
 */
import { Worker } from 'node:worker_threads';
import type { Decoded, DuplicateOptions } from './decode.ts';
import { badRequest, tooManyRequests } from './errors.ts';
import { createFairQueue } from './flow-control/fair-queue.ts';
import { isTooDeep, parseJson } from './parse-json.ts';
import type { YamlRead } from './read-yaml.ts';

/** Read within a few tens of milliseconds at worst. */
const INLINE_BYTES = 16 * 1_024;
/** Of a processor, not of the clock: what is read on a busy machine is not refused for that. */
const MOST_CPU_MS = 5_000;
const LOOK_EVERY_MS = 500;
const MEMORY_MIB = 256;

/** Some texts take seconds: who sends many of them waits for itself. */
const READING = createFairQueue({ seats: 1, waiting: 100 });

/** The first document. Of keys that stand twice the last one holds, as with JSON. Throws BadRequest, TooManyRequests. */
export async function decodeYaml(body: Buffer, options: DuplicateOptions = { findDuplicates: false }): Promise<Decoded> {
  const text = body.toString('utf8');
  // What is written in brackets all through tells its depth before it is read, which would take its whole time.
  if (/^\s*[[{]/.test(text) && isTooDeep(text)) throw badRequest('error converting YAML to JSON: yaml: exceeded depth limit');
  if (body.length <= INLINE_BYTES) {
    const { readYaml } = await import('./read-yaml.ts');
    return decodedOf(readYaml(text), options);
  }
  const { user = '' } = options;
  const entered = READING.enter(user);
  if (entered === undefined) throw tooManyRequests();
  if (entered !== true) await entered;
  try {
    return decodedOf(await inThread(text), options);
  } finally {
    READING.leave(user);
  }
}

function decodedOf(read: YamlRead, { findDuplicates, strict }: DuplicateOptions): Decoded {
  if ('error' in read) throw badRequest(read.error);
  const { json, doubled } = read;
  const value = parseJson(json);
  if (!findDuplicates || doubled.length === 0) return { value };
  return { value, duplicates: strict === true ? [`yaml: unmarshal errors:\n${doubled.map((each) => `  ${each}`).join('\n')}`] : doubled };
}

function inThread(text: string): Promise<YamlRead> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./read-yaml.ts', import.meta.url), { workerData: text, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB, stackSizeMb: 2 } });
    const refused = { error: 'the YAML of the body is too large or too involved to be read: send JSON instead' };
    const look = async (): Promise<void> => {
      const { user, system } = await worker.cpuUsage();
      if ((user + system) / 1_000 > MOST_CPU_MS) await worker.terminate();
    };
    const looking = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS); // it has not begun, or is over
    let read: YamlRead | undefined;
    worker.on('message', (answer: YamlRead) => (read = answer));
    worker.on('error', () => (read = refused));
    worker.on('exit', () => {
      clearInterval(looking);
      resolve(read ?? refused);
    });
  });
}
