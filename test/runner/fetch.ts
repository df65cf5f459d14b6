/**
 * What tests need of the network, fetched before they are cut off from it: of all files that are named, once. As a process of its own, so that
 * it goes on beside the tests that need nothing: `fetch.ts FILE ...`
 */
import { fetchClients } from '../fixtures/clients.ts';
import { fetchClock } from '../fixtures/clock.ts';
import { testImageLayout } from '../fixtures/image.ts';
import { fetchRunsc } from '../fixtures/runsc.ts';
import { fetchServices } from '../fixtures/services.ts';
import { buildWebImage } from '../fixtures/web-image.ts';

const FETCHED: readonly [needed: RegExp, fetch: () => void][] = [
  [/\/demo\.test\.ts$/, buildWebImage],
  [/\/test\/clients\//, fetchClients],
  [/\/clock\.test\.ts$/, fetchClock],
  [/\/isolation\.test\.ts$/, fetchRunsc],
  [/\/test\/services\//, fetchServices],
  [/\/test\//, () => void testImageLayout()],
];

const files = process.argv.slice(2);
for (const [needed, fetch] of FETCHED) if (files.some((file) => needed.test(file))) fetch();
