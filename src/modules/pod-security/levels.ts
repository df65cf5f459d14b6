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
const PREFIX = 'pod-security.kubernetes.io/';

/** What the labels say over the defaults, and what is wrong with them: a wrong enforce level is the strictest, wrong others are none. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined, defaults: Policy): { policy: Policy; errors: FieldError[] } {
  if (labels === undefined) return { policy: defaults, errors: [] };
  const errors: FieldError[] = [];
  const policy: Record<Mode, LevelVersion> = { ...defaults };
  for (const mode of MODES) {
    const level = labels[PREFIX + mode];
    const version = labels[`${PREFIX}${mode}-version`];
    if (level === undefined && version === undefined) continue;
    const own = (policy[mode] = { ...policy[mode] });
    if (level !== undefined && LEVELS.includes(level as Level)) own.level = level as Level;
    else if (level !== undefined) {
      own.level = mode === 'enforce' ? 'restricted' : 'privileged';
      errors.push(invalid(`metadata.labels[${PREFIX}${mode}]`, level, `must be one of ${LEVELS.join(', ')}`));
    }
    if (version === undefined) continue;
    const minor = minorOf(version);
    own.minor = minor ?? Number.POSITIVE_INFINITY;
    if (minor === undefined) errors.push(invalid(`metadata.labels[${PREFIX}${mode}-version]`, version, 'must be "latest" or "v1.x"'));
  }
  return { policy, errors };
}

/** Undefined when the text is no version. */
export function minorOf(version: string): number | undefined {
  if (version === 'latest') return Number.POSITIVE_INFINITY;
  const match = /^v1\.(0|[1-9]\d{0,4})$/.exec(version);
  return match === null ? undefined : Number(match[1]);
}

/** `restricted:latest`, `baseline:v1.25`. */
export function showLevel({ level, minor }: LevelVersion): string {
  return `${level}:${minor === Number.POSITIVE_INFINITY ? 'latest' : `v1.${minor}`}`;
}

export function sameLevel(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.minor === b.minor;
}

/** Positive when `a` is the stricter. */
export function compareLevels(a: Level, b: Level): number {
  return LEVELS.indexOf(a) - LEVELS.indexOf(b);
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.includes(value as Level);
}
