/** Is the image there, may this pod have it, may it be pulled, and if not, why: the pull policies (core/v1 PullPolicy) and the reasons that kubelet writes. */
import { exponentialBackoff, type Backoff } from '../../../base/backoff.ts';
import type { PullProgress } from '../../../base/sys/pull-progress.ts';
import type { Clock } from '../../../base/clock.ts';
import { isAhead } from '../lifecycle/restart.ts';
import { authFileOf, secretsFor, shownFor, type GivenAuths } from './credentials.ts';
import { candidateNames, imageNameText, parseImageName } from './name.ts';
import type { Puller } from './pull.ts';
import type { PullRecords } from './pull-records.ts';
import type { ImageStorage, StoredImage } from './storage.ts';
import { mustVerify, type VerificationSettings } from './verification.ts';

export type ImageFailure = 'InvalidImageName' | 'ErrImageNeverPull' | 'ErrImagePull' | 'ImagePullBackOff';

export type ImageAnswer =
  | { state: 'present'; image: StoredImage; pulledMs?: number }
  /** Ask again when `done` settles; it never rejects. */
  | { state: 'pulling'; done: Promise<void>; progress?: PullProgress }
  /** It is there by another pod's credentials, and those of this one are looked at. Ask again when `done` settles; it never rejects. */
  | { state: 'checking'; done: Promise<void> }
  /** `retryAtMs` is absent when only a change of the pod helps. */
  | { state: 'failed'; reason: ImageFailure; message: string; retryAtMs?: number };

/** What the pod has to show a registry. */
export type Credentials = () => Promise<readonly GivenAuths[]>;

export interface Images {
  /** `key` names who asks (pod and container): a policy of Always pulls once a `key` until {@link Images.forget}. */
  ensure(key: string, image: string, policy: string | undefined, credentials?: Credentials): ImageAnswer;
  forget(key: string): void;
}

interface Attempt { image: string; pulling: boolean; pulledMs?: number; error?: string; retryAtMs: number }
/** `allowed` is undefined while nobody knows yet. */
interface Check { imageId: string; name: string; allowed?: boolean; untilMs: number; done: Promise<void> }

/** How long a pod that was refused an image waits until it is looked at again: it may have got a secret. */
const RECHECK_MS = 10_000;

export interface ImageOptions {
  storage: ImageStorage;
  puller: Puller;
  clock: Clock;
  signal: AbortSignal;
  backoff?: Backoff;
  /** Of the machine, for an image with its registry, without tag; those of the pod come before them. */
  ownAuths?: (repository: string) => Promise<Record<string, object>>;
  records: PullRecords;
  verification: VerificationSettings;
}

export function images(options: ImageOptions): Images {
  const { storage, clock, records } = options;
  const backoff = options.backoff ?? exponentialBackoff({ baseMs: 10_000, maxMs: 300_000 });
  const attempts = new Map<string, Attempt>();
  const waiting = new Map<string, Promise<void>>();

  const checks = new Map<string, Check>();

  async function pull(full: string, repository: string, credentials: Credentials): Promise<void> {
    const given = [{ auths: (await options.ownAuths?.(repository)) ?? {} }, ...(await credentials())];
    records.begin(full);
    let pulled: Parameters<PullRecords['end']>[1];
    try {
      await options.puller.pull(full, { signal: options.signal, auth: authFileOf(given) });
      const imageId = storage.find(full)?.id;
      const shown = shownFor(repository, given);
      if (imageId !== undefined) pulled = { imageId, repository, shown: (shown?.secret === undefined ? undefined : secretsFor(repository, [shown])[0]) ?? 'everyone' };
    } finally {
      records.end(full, pulled);
    }
  }

  /** Whether the pod may have the image that is there; undefined while that is looked at. */
  function mayHave(key: string, image: StoredImage, { name, repository }: { name: string; repository: string }, credentials: Credentials): Check {
    const known = checks.get(key);
    if (known?.imageId === image.id && known.name === name && !(known.allowed === false && !isAhead(known.untilMs, clock.nowMs()))) return known;
    const check: Check = { imageId: image.id, name, untilMs: 0, done: Promise.resolve() };
    const look = async (): Promise<void> => {
      check.allowed = records.allows(image.id, repository, secretsFor(repository, await credentials()));
    };
    check.done = look().catch(() => { check.allowed = false; }).finally(() => { check.untilMs = clock.nowMs() + RECHECK_MS; });
    checks.set(key, check);
    return check;
  }

  /** Without asking anybody. */
  function isForAll(image: StoredImage, full: string, repository: string): boolean {
    const pulled = records.of(image.id, { name: full, repository });
    return pulled?.everyone === true || !mustVerify(options.verification, repository, pulled !== undefined);
  }

  function start(key: string, image: string, full: string, credentials: Credentials): Promise<void> {
    if (attempts.get(key)?.image !== image) backoff.forget(key);
    const attempt: Attempt = { image, pulling: true, retryAtMs: 0 };
    attempts.set(key, attempt);
    const beginMs = clock.nowMs();
    const done = pull(full, parseImageName(full)!.repository, credentials).then(
      () => { attempt.pulledMs = clock.nowMs() - beginMs; backoff.forget(key); },
      (error: Error) => { attempt.error = error.message; attempt.retryAtMs = clock.nowMs() + backoff.next(key); },
    ).finally(() => { attempt.pulling = false; waiting.delete(key); });
    waiting.set(key, done);
    return done;
  }

  function ensure(key: string, image: string, policy: string | undefined, credentials: Credentials = async () => []): ImageAnswer {
    const name = parseImageName(image);
    if (name === undefined) return { state: 'failed', reason: 'InvalidImageName', message: `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format` };
    const full = imageNameText(name);
    const found = candidateNames(name).find((each) => storage.find(each) !== undefined);
    const present = found === undefined ? undefined : storage.find(found);
    const attempt = attempts.get(key)?.image === image ? attempts.get(key) : undefined;
    const builtHere = found?.startsWith('localhost/') === true; // no registry has it under this name
    if (present !== undefined && (builtHere || attempt?.pulledMs !== undefined)) return { state: 'present', image: present, pulledMs: attempt?.pulledMs };
    let recheckAtMs: number | undefined;
    if (present !== undefined && policy !== 'Always') {
      if (isForAll(present, full, name.repository)) return { state: 'present', image: present };
      const { allowed, done, untilMs } = attempt?.pulling ? { allowed: false, done: undefined, untilMs: 0 } : mayHave(key, present, { name: full, repository: name.repository }, credentials);
      if (allowed === undefined) return { state: 'checking', done: done! };
      if (allowed) return { state: 'present', image: present };
      recheckAtMs = untilMs;
    }
    if (policy === 'Never') return { state: 'failed', reason: 'ErrImageNeverPull', message: `Container image "${image}" is not present with pull policy of Never`, retryAtMs: recheckAtMs };
    if (attempt?.pulling) return { state: 'pulling', done: waiting.get(key) ?? Promise.resolve(), progress: options.puller.progress?.(full) };
    if (attempt?.error !== undefined && isAhead(attempt.retryAtMs, clock.nowMs())) return failure(attempt, image);
    return { state: 'pulling', done: start(key, image, full, credentials) };
  }

  return { ensure, forget: (key) => { attempts.delete(key); checks.delete(key); backoff.forget(key); } };
}

/** The first answer after a failed pull says why; later ones that it waits (kubelet's ErrImagePull and ImagePullBackOff). */
function failure(attempt: Attempt & { told?: boolean }, image: string): ImageAnswer {
  const first = attempt.told !== true;
  attempt.told = true;
  if (first) return { state: 'failed', reason: 'ErrImagePull', message: attempt.error ?? '', retryAtMs: attempt.retryAtMs };
  return { state: 'failed', reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${attempt.error}`, retryAtMs: attempt.retryAtMs };
}
