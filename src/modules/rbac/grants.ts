/** Rules of default roles, a line each, so that a table of them can be compared with upstream's at a glance. */
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';

const WORDS: Readonly<Record<string, string>> = { core: '', read: 'get,list,watch', follow: 'list,watch', change: 'patch,update', write: 'create,delete,deletecollection,patch,update' };
const list = (text: string): string[] => text.split(',').flatMap((word) => (WORDS[word] ?? word).split(','));

/**
 * `GROUPS RESOURCES VERBS [NAMES]`, each a list with commas. `core` is the group without a name; `read` is get, list and watch, `follow` list and
 * watch, `change` patch and update, `write` all that changes. `events` alone is who records Events, in both groups that have them.
 */
export function grants(...lines: readonly string[]): PolicyRule[] {
  return lines.map((line) => {
    const [groups = '', resources = '', verbs = '', names] = (line === 'events' ? 'core,events.k8s.io events create,change' : line).split(' ');
    return { apiGroups: list(groups), resources: resources.split(','), verbs: list(verbs), ...(names === undefined ? {} : { resourceNames: names.split(',') }) };
  });
}
