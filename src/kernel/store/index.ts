/** The store, in one import. */
export * from './store.ts';
export { openStore } from './open-store.ts';
export { createSeal, type Seal, type Sealing, type SealingKey } from './seal.ts';
export { restoreBackup, type RestoreOptions } from './restore.ts';
