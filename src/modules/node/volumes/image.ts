/** image volumes: the files of an image, to be read only (core/v1 ImageVolumeSource). */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageVolumeSource } from '../../../api/generated/core-v1.ts';
import { run } from '../../../base/sys/run.ts';
import type { Credentials, ImageFailure, Images } from '../images/ensure.ts';
import type { RunnableImage, StoredImage } from '../images/storage.ts';
import { isMounted } from './mounts.ts';

export interface ImageSources {
  /** Settles with the image when it is there; rejects with why it cannot be had. */
  image(volumeName: string, source: ImageVolumeSource): Promise<RunnableImage>;
}

/** What the containers that mount the volume wait for: the same words as for images of their own. */
export class ImageVolumeError extends Error {
  override name = 'ImageVolumeError';
  readonly reason: ImageFailure;
  readonly told: string;

  constructor(reason: ImageFailure, told: string) {
    super(`${reason}: ${told}`);
    this.reason = reason;
    this.told = told;
  }
}

export async function haveImage(images: Images, key: string, { reference = '', pullPolicy }: ImageVolumeSource, credentials: Credentials): Promise<StoredImage> {
  for (;;) {
    const answer = images.ensure(key, reference, pullPolicy, credentials);
    if (answer.state === 'present') return answer.image;
    if (answer.state === 'failed') throw new ImageVolumeError(answer.reason, answer.message);
    await answer.done;
  }
}

/** Mounted once for the life of the pod, although a newer image may come by the same name. */
export async function setUpImage(folder: string, image: () => Promise<RunnableImage>): Promise<void> {
  const path = join(folder, 'files');
  if (existsSync(path) && isMounted(path)) return;
  const { overlayFolder, lower } = await image();
  const empty = join(folder, 'empty'); // an overlay without a layer to write on has two at least
  for (const each of [path, empty]) mkdirSync(each, { recursive: true });
  await run('mount', ['-t', 'overlay', '-o', `ro,nosuid,nodev,noexec,lowerdir=${[...lower, empty.replaceAll(/[\\:,]/g, '\\$&')].join(':')}`, 'overlay', path], { cwd: overlayFolder });
}
