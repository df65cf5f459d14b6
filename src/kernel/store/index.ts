/** The store, in one import. */
export * from './store.ts';
