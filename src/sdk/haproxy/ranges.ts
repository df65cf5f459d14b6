/** Ranges of durations as HAProxy looks them up: one look into a map (`map_int_int`), where a rule for each bound costs the more the longer an answer took. Pure. */

/** Lines of the map: microseconds to the number of the range that they are in, up to each bound from the one before. What is above all of them is not in it. */
export function rangesOf(boundsUs: readonly number[]): string {
  return boundsUs.map((boundUs, index) => `${index === 0 ? '' : (boundsUs[index - 1] ?? 0) + 1}:${boundUs} ${index}\n`).join('');
}
