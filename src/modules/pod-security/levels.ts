/** Which levels a namespace asks for (pod-security-admission api): labels such as `pod-security.kubernetes.io/enforce: restricted`. */
import { invalid, type FieldError } from '../../api/field-error.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';
export type Mode = 'enforce' | 'audit' | 'warn';

export interface LevelVersion {
  level: Level;
  /** The minor version of Kubernetes whose rules count; Infinity is the latest. */
  minor: number;
}

export type Policy = Readonly<Record<Mode, LevelVersion>>;

export const MODES: readonly Mode[] = ['enforce', 'audit', 'warn'];
const LEVELS: readonly Level[] = ['privileged', 'baseline', 'restricted'];

/** The label that says the level of a mode; with `-version` behind it, its version. */
export const labelOf = (mode: Mode): string => `pod-security.kubernetes.io/${mode}`;

/**
 * What the labels say over the defaults, and what is wrong with them: a wrong enforce level is the strictest, wrong others are none. Where they
 * enforce more than is warned of and say nothing of warnings, what is enforced is warned of, so that whoever writes a Deployment hears of it.
 */
export function policyOf(labels: Readonly<Record<string, string>> | undefined, defaults: Policy): { policy: Policy; errors: FieldError[] } {
  if (labels === undefined) return { policy: defaults, errors: [] };
  const errors: FieldError[] = [];
  const policy: Record<Mode, LevelVersion> = { ...defaults };
  for (const mode of MODES) {
    const level = labels[labelOf(mode)];
    const version = labels[`${labelOf(mode)}-version`];
    if (level === undefined && version === undefined) continue;
    const own = (policy[mode] = { ...policy[mode] });
    if (level !== undefined && LEVELS.includes(level as Level)) own.level = level as Level;
    else if (level !== undefined) {
      own.level = mode === 'enforce' ? 'restricted' : 'privileged';
      errors.push(invalid(`metadata.labels[${labelOf(mode)}]`, level, `must be one of ${LEVELS.join(', ')}`));
    }
    if (version === undefined) continue;
    const minor = minorOf(version);
    own.minor = minor ?? Number.POSITIVE_INFINITY;
    if (minor === undefined) errors.push(invalid(`metadata.labels[${labelOf(mode)}-version]`, version, 'must be "latest" or "v1.x"'));
  }
  const { enforce, warn } = policy;
  if (isLevel(labels[labelOf('enforce')]) && labels[labelOf('warn')] === undefined && compareLevels(enforce.level, warn.level) > 0) {
    policy.warn = { level: enforce.level, minor: labels[`${labelOf('warn')}-version`] === undefined ? enforce.minor : warn.minor };
  }
  return { policy, errors };
}

/** Undefined when the text is no version. */
export function minorOf(version: string): number | undefined {
  if (version === 'latest') return Number.POSITIVE_INFINITY;
  const match = /^v1\.(0|[1-9]\d{0,14})$/.exec(version);
  return match === null ? undefined : Number(match[1]);
}

/** `restricted:latest`, `baseline:v1.25`. */
export function showLevel({ level, minor }: LevelVersion): string {
  return `${level}:${showVersion(minor)}`;
}

export function showVersion(minor: number): string {
  return minor === Number.POSITIVE_INFINITY ? 'latest' : `v1.${minor}`;
}

export function sameLevel(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.minor === b.minor;
}

export function isPrivileged(policy: Policy): boolean {
  return MODES.every((mode) => policy[mode].level === 'privileged');
}

/** Whether both ask for the same; of the privileged level all versions do. */
export function isEquivalent(a: Policy, b: Policy): boolean {
  return MODES.every((mode) => a[mode].level === b[mode].level && (a[mode].level === 'privileged' || a[mode].minor === b[mode].minor));
}

/** Positive when `a` is the stricter. */
export function compareLevels(a: Level, b: Level): number {
  return LEVELS.indexOf(a) - LEVELS.indexOf(b);
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.includes(value as Level);
}
