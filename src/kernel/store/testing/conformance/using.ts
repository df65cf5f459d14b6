/** A fresh store for each test. */
import type { Store } from '../../store.ts';

export interface OpenedStore {
  store: Store;
  /** Closes it and opens the same data again. */
  reopen(): Promise<Store>;
  dispose(): Promise<void>;
}

/** Makes a test of what is done with a store, which is disposed of afterwards. */
export type Using = (body: (opened: OpenedStore) => Promise<void>) => () => Promise<void>;
