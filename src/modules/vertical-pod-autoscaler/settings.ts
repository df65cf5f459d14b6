/** `modules.vertical-pod-autoscaler` of the configuration. */

/** `everySeconds`: how often is measured and decided; default 60. Throws what is wrong. */
export function settingsOf(config: Readonly<Record<string, unknown>>): { everySeconds: number } {
  const everySeconds = config['everySeconds'] ?? 60;
  if (typeof everySeconds !== 'number' || !Number.isInteger(everySeconds) || everySeconds < 1) throw new Error(`modules.vertical-pod-autoscaler.everySeconds must be a whole number above 0, not ${JSON.stringify(everySeconds)}`);
  return { everySeconds };
}
