/** Slices of slices: so many pods in one domain of a level, and of these so many in one of a narrower level. Source: Kueue, jobframework/tas_validation.go and tas_flavor_snapshot.go (buildSliceSizeAtLevel). */
import { duplicate, forbidden, invalid, type FieldError } from '../../api/field-error.ts';
import { SLICE_LAYERS, SLICE_SIZE, SLICE_TOPOLOGY } from '../../api/kueue/names.ts';
import type { TopologyRequest } from '../../api/kueue/types.ts';
import { labelKeyErrors } from '../../api/names.ts';

const MOST_LAYERS = 3;

export type SliceLayers = NonNullable<TopologyRequest['podsetSliceRequiredTopologyConstraints']>;

/** What an annotation asks for, from the widest level on; what is wrong with its JSON; undefined where there is none. */
export function sliceLayersOf(text: string | undefined): SliceLayers | string | undefined {
  if (text === undefined) return undefined;
  let layers: unknown;
  try {
    layers = JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return Array.isArray(layers) && layers.every(isLayer) ? layers.map(({ topology, size }) => ({ topology, size })) : 'each item must have a topology, which is text, and a size, which is a whole number';
}

function isLayer(each: unknown): each is SliceLayers[number] {
  const { topology, size } = (each ?? {}) as Partial<SliceLayers[number]>;
  return typeof topology === 'string' && Number.isInteger(size);
}

/** `pods`: how many the set has. Which level is wider is known only where the flavor is. */
export function sliceLayerErrors(annotations: Readonly<Record<string, string>>, path: string, pods: number): FieldError[] {
  const text = annotations[SLICE_LAYERS];
  const layers = sliceLayersOf(text);
  if (text === undefined || layers === undefined) return [];
  const at = `${path}[${SLICE_LAYERS}]`;
  const errors = [SLICE_TOPOLOGY, SLICE_SIZE].filter((key) => annotations[key] !== undefined).map((key) => forbidden(at, `may not be set when '${key}' is specified`));
  if (typeof layers === 'string') return [...errors, invalid(at, text, `must be a valid JSON array: ${layers}`)];
  if (layers.length === 0 || layers.length > MOST_LAYERS) return [...errors, invalid(at, text, `must have between 1 and ${MOST_LAYERS} layers`)];
  for (const [index, { topology, size }] of layers.entries()) {
    errors.push(...labelKeyErrors(topology).map((each) => invalid(`${at}[${index}].topology`, topology, each)));
    const [first, above] = [layers.findIndex((each) => each.topology === topology), layers[index - 1]?.size];
    if (first < index) errors.push(duplicate(`${at}[${index}].topology`, `${topology} (also at index ${first})`));
    if (size < 1) errors.push(invalid(`${at}[${index}].size`, size, 'must be greater than or equal to 1'));
    else if (above !== undefined && above % size !== 0) errors.push(invalid(`${at}[${index}].size`, size, `must evenly divide the parent layer size ${above}`));
  }
  return layers[0]!.size > pods ? [...errors, invalid(at, layers[0]!.size, `must not be greater than pod set count ${pods}`)] : errors;
}

/** The layers that a request asks for, by whichever fields it does. */
export function layersOf({ podsetSliceRequiredTopologyConstraints: layers = [], podSetSliceRequiredTopology: topology, podSetSliceSize: size }: TopologyRequest): readonly { topology: string; size?: number }[] {
  if (layers.length > 0) return layers;
  return topology === undefined ? [] : [{ topology, ...(size !== undefined && { size }) }];
}

/** Why slices cannot be cut in that way in a topology of these levels; all levels are of it. */
export function layersRefusal(layers: ReturnType<typeof layersOf>, levels: readonly string[], within: string | undefined): string | undefined {
  const [outer] = layers;
  if (outer === undefined) return undefined;
  if (layers.some(({ size = 0 }) => size < 1)) return 'slice topology requested, but slice size not provided';
  if (within !== undefined && levels.indexOf(within) > levels.indexOf(outer.topology)) return `podset slice topology ${outer.topology} is above the podset topology ${within}`;
  for (const [index, { topology, size = 1 }] of layers.entries()) {
    const above = layers[index - 1];
    if (above === undefined) continue;
    if (levels.indexOf(topology) <= levels.indexOf(above.topology)) return `additional slice layer topology ${topology} must be at a lower level than ${above.topology}`;
    if (above.size! % size !== 0) return `additional slice layer size ${size} must evenly divide parent layer size ${above.size}`;
  }
  return undefined;
}
