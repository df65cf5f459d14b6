/** The marks in the names of behaviours of sig-storage. */
export const NODE = ' [NodeConformance]';
export const SOME_LINUX = ' [LinuxOnly] [NodeConformance]';

/** Each of the subjects with each of what it does. */
export function combine(subjects: readonly string[], predicates: readonly string[]): string[] {
  return subjects.flatMap((subject) => predicates.map((each) => `${subject} ${each}`));
}
