/** What is told of the store. */
import type { Store } from '../../store/store.ts';
import { storageOf, type KindTable } from '../kind-table.ts';
import { family, single } from '../../../base/exposition.ts';

export function storeText(store: Store, kinds: KindTable): string {
  const stats = store.stats();
  return single('llmos_store_revision', 'gauge', 'The newest revision on the disk.', stats.revision)
    + single('llmos_store_objects', 'gauge', 'Objects.', stats.objects)
    + single('llmos_store_object_bytes', 'gauge', 'Bytes of the objects, as they are kept.', stats.objectBytes)
    + single('llmos_store_pending_writes', 'gauge', 'Writes that are not on the disk yet.', stats.pendingWrites)
    + single('llmos_store_watches', 'gauge', 'Watches, of clients and of modules.', stats.watches)
    + single('apiserver_storage_size_bytes', 'gauge', 'Bytes of the database on the disk.', stats.diskBytes)
    + objectsText(store, kinds);
}

/** By both names that upstream has for it (apiserver/pkg/storage/etcd3/metrics: the older one names a resource as `deployments.apps`). */
function objectsText(store: Store, kinds: KindTable): string {
  const counted = new Map<string, { group: string; resource: string; count: number }>();
  for (const kind of kinds.list()) {
    const prefix = storageOf(kind);
    if (kind.verbs.includes('create') && !counted.has(prefix)) counted.set(prefix, { group: kind.group, resource: kind.plural, count: store.count(prefix) });
  }
  const all = [...counted.values()];
  return family('apiserver_resource_objects', 'gauge', 'Objects by kind.', all.map(({ group, resource, count }) => `apiserver_resource_objects{group="${group}",resource="${resource}"} ${count}\n`))
    + family('apiserver_storage_objects', 'gauge', 'Objects by kind.', all.map(({ group, resource, count }) => `apiserver_storage_objects{resource="${group === '' ? resource : `${resource}.${group}`}"} ${count}\n`));
}
