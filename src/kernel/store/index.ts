/** The store, in one import. */
export * from './store.ts';
export { openStore } from './open-store.ts';
export { restoreBackup, type RestoreOptions } from './restore.ts';
