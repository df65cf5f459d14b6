/** What every body of Store must do. Call `storeConformance(name, open)` in a test file; `open` gives a fresh store each time. */
import { history } from './history.ts';
import { lists } from './lists.ts';
import type { OpenedStore, Using } from './using.ts';
import { watches } from './watches.ts';
import { writes } from './writes.ts';

export function storeConformance(name: string, open: () => Promise<OpenedStore>): void {
  const using: Using = (body) => async () => {
    const opened = await open();
    try {
      await body(opened);
    } finally {
      await opened.dispose();
    }
  };
  for (const part of [writes, lists, watches, history]) part(name, using);
}
