/** Is the image there, may it be pulled, and if not, why: the pull policies (core/v1 PullPolicy) and the reasons that kubelet writes. */
import { exponentialBackoff, type Backoff } from '../../../base/backoff.ts';
import type { PullProgress } from '../../../base/sys/pull-progress.ts';
import type { Clock } from '../../../base/clock.ts';
import { isAhead } from '../lifecycle/restart.ts';
import { candidateNames, imageNameText, parseImageName } from './name.ts';
import type { Puller } from './pull.ts';
import type { ImageStorage, StoredImage } from './storage.ts';

export type ImageFailure = 'InvalidImageName' | 'ErrImageNeverPull' | 'ErrImagePull' | 'ImagePullBackOff';

export type ImageAnswer =
  | { state: 'present'; image: StoredImage; pulledMs?: number }
  /** Ask again when `done` settles; it never rejects. */
  | { state: 'pulling'; done: Promise<void>; progress?: PullProgress }
  /** `retryAtMs` is absent when only a change of the pod helps. */
  | { state: 'failed'; reason: ImageFailure; message: string; retryAtMs?: number };

/** Gives a docker config.json for the pull, or undefined when there is none to show. */
export type Credentials = () => Promise<string | undefined>;

export interface Images {
  /** `key` names who asks (pod and container): a policy of Always pulls once a `key` until {@link Images.forget}. */
  ensure(key: string, image: string, policy: string | undefined, credentials?: Credentials): ImageAnswer;
  forget(key: string): void;
}

interface Attempt { image: string; pulling: boolean; pulledMs?: number; error?: string; retryAtMs: number }

export interface ImageOptions {
  storage: ImageStorage;
  puller: Puller;
  clock: Clock;
  signal: AbortSignal;
  backoff?: Backoff;
  /** Of the machine, for an image with its registry, without tag; those of the pod come before them. */
  ownAuths?: (repository: string) => Promise<Record<string, object>>;
}

export function images(options: ImageOptions): Images {
  const { storage, clock } = options;
  const backoff = options.backoff ?? exponentialBackoff({ baseMs: 10_000, maxMs: 300_000 });
  const attempts = new Map<string, Attempt>();
  const waiting = new Map<string, Promise<void>>();

  async function authsFor(full: string, credentials: Credentials): Promise<string | undefined> {
    const [given, own] = [await credentials(), (await options.ownAuths?.(parseImageName(full)!.repository)) ?? {}];
    if (Object.keys(own).length === 0) return given;
    const { auths } = JSON.parse(given ?? '{}') as { auths?: object };
    return JSON.stringify({ auths: { ...own, ...auths } });
  }

  function start(key: string, image: string, full: string, credentials: Credentials): Promise<void> {
    if (attempts.get(key)?.image !== image) backoff.forget(key);
    const attempt: Attempt = { image, pulling: true, retryAtMs: 0 };
    attempts.set(key, attempt);
    const beginMs = clock.nowMs();
    const pull = async (): Promise<void> => options.puller.pull(full, { signal: options.signal, auth: await authsFor(full, credentials) });
    const done = pull().then(
      () => { attempt.pulledMs = clock.nowMs() - beginMs; backoff.forget(key); },
      (error: Error) => { attempt.error = error.message; attempt.retryAtMs = clock.nowMs() + backoff.next(key); },
    ).finally(() => { attempt.pulling = false; waiting.delete(key); });
    waiting.set(key, done);
    return done;
  }

  function ensure(key: string, image: string, policy: string | undefined, credentials: Credentials = async () => undefined): ImageAnswer {
    const name = parseImageName(image);
    if (name === undefined) return { state: 'failed', reason: 'InvalidImageName', message: `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format` };
    const full = imageNameText(name);
    const found = candidateNames(name).find((each) => storage.find(each) !== undefined);
    const present = found === undefined ? undefined : storage.find(found);
    const attempt = attempts.get(key)?.image === image ? attempts.get(key) : undefined;
    const builtHere = found?.startsWith('localhost/') === true; // no registry has it under this name
    if (present !== undefined && (policy !== 'Always' || builtHere || attempt?.pulledMs !== undefined)) return { state: 'present', image: present, pulledMs: attempt?.pulledMs };
    if (policy === 'Never') return { state: 'failed', reason: 'ErrImageNeverPull', message: `Container image "${image}" is not present with pull policy of Never` };
    if (attempt?.pulling) return { state: 'pulling', done: waiting.get(key) ?? Promise.resolve(), progress: options.puller.progress?.(full) };
    if (attempt?.error !== undefined && isAhead(attempt.retryAtMs, clock.nowMs())) return failure(attempt, image);
    return { state: 'pulling', done: start(key, image, full, credentials) };
  }

  return { ensure, forget: (key) => { attempts.delete(key); backoff.forget(key); } };
}

/** The first answer after a failed pull says why; later ones that it waits (kubelet's ErrImagePull and ImagePullBackOff). */
function failure(attempt: Attempt & { told?: boolean }, image: string): ImageAnswer {
  const first = attempt.told !== true;
  attempt.told = true;
  if (first) return { state: 'failed', reason: 'ErrImagePull', message: attempt.error ?? '', retryAtMs: attempt.retryAtMs };
  return { state: 'failed', reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${attempt.error}`, retryAtMs: attempt.retryAtMs };
}
