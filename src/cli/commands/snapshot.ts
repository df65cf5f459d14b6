/** `llmos snapshot take|list|diff|restore|delete`: named states of the whole cluster, kept in the state folder of the running llmos. */
import type { SnapshotChange, SnapshotView } from '../../boot/snapshot-view.ts';
import { UsageError, type Command } from '../command.ts';
import { control } from '../control.ts';
import { renderTable } from '../table.ts';

const PATH = '/llmos/v1/snapshots';
/** Copies and comparisons of a large state take their time. */
const TIMEOUT_MS = 600_000;

export const snapshot: Command = {
  usage: 'take NAME | list | diff NAME | restore NAME | delete NAME',
  async run({ positionals, folders }) {
    const [verb, name, ...more] = positionals;
    if (more.length > 0 || (verb === 'list') !== (name === undefined)) throw new UsageError(`usage: llmos snapshot ${snapshot.usage}`);
    const ask = <A>(method: 'GET' | 'POST' | 'DELETE', rest = '', body?: unknown): Promise<A> => control<A>(folders, method, `${PATH}${rest}`, { timeoutMs: TIMEOUT_MS, ...(body === undefined ? {} : { body }) });
    const at = `/${encodeURIComponent(name ?? '')}`;
    switch (verb) {
      case 'list':
        console.log(renderSnapshots((await ask<{ snapshots: SnapshotView[] }>('GET')).snapshots));
        return 0;
      case 'take': {
        const { revision } = await ask<SnapshotView>('POST', '', { name });
        console.log(`snapshot ${name} taken at revision ${revision}; 'llmos snapshot restore ${name}' goes back to it`);
        return 0;
      }
      case 'diff':
        console.log(renderChanges((await ask<{ changes: SnapshotChange[] }>('GET', `${at}/diff`)).changes));
        return 0;
      case 'restore': {
        const { changed } = await ask<{ changed: number }>('POST', `${at}/restore`);
        console.log(`back at snapshot ${name}: ${changed} objects changed`);
        return 0;
      }
      case 'delete':
        await ask('DELETE', at);
        console.log(`snapshot ${name} deleted`);
        return 0;
      default:
        throw new UsageError(`usage: llmos snapshot ${snapshot.usage}`);
    }
  },
};

function renderSnapshots(snapshots: readonly SnapshotView[]): string {
  return renderTable(['NAME', 'REVISION', 'TAKEN', 'SIZE'], snapshots.map(({ name, revision, createdMs, sizeBytes }) => [
    name, String(revision), new Date(createdMs).toISOString(), `${Math.ceil(sizeBytes / 1024)} KiB`,
  ]));
}

function renderChanges(changes: readonly SnapshotChange[]): string {
  if (changes.length === 0) return 'nothing changed since';
  return renderTable(['CHANGE', 'RESOURCE', 'NAMESPACE', 'NAME', 'FIELDS'], changes.map(({ type, resource, namespace, name, fields }) => [type, resource, namespace ?? '', name, fields.join(', ')]));
}
