/** Where builds of an instance go, and how their progress reads. */
import { join } from 'node:path';
import type { Folders } from '../../boot/config.ts';
import { imageFoldersOf } from '../../boot/facts.ts';
import type { BuildOptions, BuildProgress } from './build.ts';

export function buildPlace(folders: Folders): Pick<BuildOptions, 'imagesRoot' | 'imagesRunRoot' | 'cacheFolder'> {
  const { root, runRoot } = imageFoldersOf(folders);
  return { imagesRoot: root, imagesRunRoot: runRoot, cacheFolder: join(folders.state, 'build-cache') };
}

/** One line for a person. */
export function buildLine(progress: BuildProgress): string {
  return progress.type === 'step' ? `step ${progress.number} of ${progress.total}: ${progress.text}` : progress.text;
}
