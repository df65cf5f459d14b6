/** [sig-api-machinery] StorageVersionMigration */
import { behaviour } from '../cluster.ts';
import { changesInEveryWay } from '../resource-life.ts';

export function storageMigration(): void {
  behaviour('StorageVersionMigration CRUD Tests storagemigration.k8s.io/v1 StorageVersionMigration', () => changesInEveryWay({
    group: 'storagemigration.k8s.io', version: 'v1', plural: 'storageversionmigrations',
    make: (name) => ({ apiVersion: 'storagemigration.k8s.io/v1', kind: 'StorageVersionMigration', metadata: { name }, spec: { resource: { group: '', resource: 'foo' } } }),
    change: { metadata: { labels: { 'test.example.com': 'test' } } },
    status: { conditions: [{ type: 'TestCondition', status: 'True', reason: 'TestReason', message: 'of a test', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }));
}
