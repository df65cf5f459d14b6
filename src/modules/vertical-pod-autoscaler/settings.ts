/** `modules.vertical-pod-autoscaler` of the configuration. */
import { isQuantity, quantityMillis } from '../../api/quantity.ts';

export interface Settings {
  /** How often is measured and decided; default 60. */
  readonly everySeconds: number;
  /** The most cpu that a startup boost gives a container, in millis; without it there is no bound (`maxAllowedCpuBoost`, a quantity). */
  readonly mostBoostedCpuMillis?: number;
}

/** Throws what is wrong. */
export function settingsOf({ everySeconds = 60, maxAllowedCpuBoost: most }: Readonly<Record<string, unknown>>): Settings {
  if (typeof everySeconds !== 'number' || !Number.isInteger(everySeconds) || everySeconds < 1) throw new Error(`modules.vertical-pod-autoscaler.everySeconds must be a whole number above 0, not ${JSON.stringify(everySeconds)}`);
  if (most === undefined) return { everySeconds };
  if (!isQuantity(most) || quantityMillis(most) <= 0) throw new Error(`modules.vertical-pod-autoscaler.maxAllowedCpuBoost must be an amount of cpu above 0, not ${JSON.stringify(most)}`);
  return { everySeconds, mostBoostedCpuMillis: quantityMillis(most) };
}
