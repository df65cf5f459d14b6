/** Containers wait for the images of their volumes as for their own. */
import { ImageVolumeError } from '../volumes/image.ts';
import { mountersOf, VolumeSetUpError } from '../volumes/set-up.ts';
import type { PodRun } from './pod-run.ts';

/** Of a fault in setting up: where it is an image that cannot be had, those that mount it wait with its reason. */
export function awaitImage(run: PodRun, fault: unknown): void {
  if (!(fault instanceof VolumeSetUpError) || !(fault.cause instanceof ImageVolumeError)) return;
  const { reason, told } = fault.cause;
  const mounters = mountersOf(run.pod, fault.volume);
  for (const slot of run.slots) if (slot.record === undefined && mounters.includes(slot.container.name)) slot.waiting = { reason, message: told };
}
