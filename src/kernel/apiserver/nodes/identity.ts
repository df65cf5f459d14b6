/** Which node a user is (upstream: pkg/auth/nodeidentifier). */
import type { UserInfo } from '../../../sdk/module.ts';

const GROUP = 'system:nodes';
const PREFIX = 'system:node:';

/** The name of the node; '' for one that does not say which it is; undefined for everybody else. */
export function nodeOf({ name, groups }: UserInfo): string | undefined {
  if (!name.startsWith(PREFIX) || !groups.includes(GROUP)) return undefined;
  return name.slice(PREFIX.length);
}
