/** Runs a Controller: feeds its queue from the caches, reconciles keys, retries failures with back-off, and refuses what was not declared. */
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import { isApiError } from '../api/errors.ts';
import { untilAborted } from '../base/aborted.ts';
import { onClockJump } from '../base/clock-jumps.ts';
import { keyOf } from './cache.ts';
import type { Controller, ReconcileContext } from './controller.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

/** Settles when the signal of the context has aborted and all work under way has ended. Rejects only when a cache cannot be had. */
export async function runController<T extends KubeObject>(controller: Controller<T>, context: ReconcileContext): Promise<void> {
  const { caches, signal } = context;
  const queue = createWorkQueue(controller.name);
  const kinds = [controller.for, ...(controller.owns ?? []), ...(controller.watches ?? []).map((each) => each.kind), ...(controller.reads ?? [])];
  await untilAborted(Promise.all(kinds.map((kind) => caches.of(kind).ready())), signal);
  if (signal.aborted) return;
  const unsubscribe = [...feed(controller, context, queue), onClockJump(queue.hasten)];
  const work = (key: string): Promise<void> => reconcileOnce(controller, context, queue, key);
  await queue.drain({ concurrency: controller.concurrency ?? 4, signal }, work);
  for (const stop of unsubscribe) stop();
}

async function reconcileOnce<T extends KubeObject>(controller: Controller<T>, context: ReconcileContext, queue: WorkQueue, key: string): Promise<void> {
  try {
    const result = await controller.reconcile(key, context.caches.of(controller.for).get(key), context);
    queue.forget(key);
    if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
  } catch (error) {
    if (context.signal.aborted) return;
    // A conflict means that the cache was behind: the next event brings the news, and the retry is cheap.
    if (!isApiError(error, 'Conflict', 'AlreadyExists')) context.log.warn('reconcile failed, trying again', { controller: controller.name, key, error });
    queue.addRateLimited(key);
  }
}

function feed<T extends KubeObject>(controller: Controller<T>, { caches }: ReconcileContext, queue: WorkQueue): (() => void)[] {
  const stops = [caches.of(controller.for).subscribe((event) => queue.add(event.key))];
  for (const owned of controller.owns ?? []) {
    stops.push(caches.of(owned).subscribe((event) => {
      addOwner(controller.for, event.object, queue);
      if (event.previous !== undefined && event.previous !== event.object) addOwner(controller.for, event.previous, queue);
    }));
  }
  for (const { kind, keys } of controller.watches ?? []) {
    stops.push(caches.of(kind).subscribe((event) => {
      for (const key of keys(event.object, caches)) queue.add(key);
      if (event.previous !== undefined && event.type === 'modified') for (const key of keys(event.previous, caches)) queue.add(key);
    }));
  }
  const unfollow = controller.follow?.(queue.add, caches);
  if (unfollow !== undefined) stops.push(unfollow);
  return stops;
}

/** Enqueues the object's controller owner when it is of kind `kind`. */
function addOwner(kind: Kind, object: KubeObject, queue: WorkQueue): void {
  const owner = object.metadata.ownerReferences?.find((each) => each.controller === true);
  if (owner === undefined || owner.kind !== kind.kind || !sameGroup(owner.apiVersion, kind.group)) return;
  queue.add(keyOf({ metadata: { name: owner.name, namespace: kind.namespaced ? object.metadata.namespace : undefined } }));
}

function sameGroup(apiVersion: string, group: string): boolean {
  const slash = apiVersion.indexOf('/');
  return (slash < 0 ? '' : apiVersion.slice(0, slash)) === group;
}
