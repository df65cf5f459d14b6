/** An example of a module: a kind `Page` whose text becomes a ConfigMap. `llmos module load examples/module/page.ts` loads it. */
import { ConfigMap } from '../../src/api/core/config-map.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { controllerReference } from '../../src/api/owner.ts';
import { defineKind, defineModule, splitKey, type Controller, type Kind } from '../../src/sdk/index.ts';

interface Page extends KubeObject {
  spec: { title: string; text?: string };
}

const Page: Kind<Page> = defineKind<Page>({
  group: 'example.llmos.dev', version: 'v1', kind: 'Page', plural: 'pages', namespaced: true,
  shortNames: ['pg'],
  schema: () => ({
    type: 'object',
    required: ['spec'],
    properties: {
      spec: { type: 'object', required: ['title'], properties: { title: { type: 'string', maxLength: 100 }, text: { type: 'string', default: '' } } },
    },
  }),
});

/** Pure: what must be there for a page. */
export function desired(page: Page): ConfigMap {
  const { name, namespace } = page.metadata;
  const html = `<!doctype html>\n<title>${escape(page.spec.title)}</title>\n<p>${escape(page.spec.text ?? '')}</p>\n`;
  return {
    apiVersion: 'v1', kind: 'ConfigMap',
    metadata: { name: `page-${name}`, namespace, ownerReferences: [controllerReference(Page, page)] },
    data: { 'index.html': html },
  };
}

const pages: Controller<Page> = {
  name: 'page',
  for: Page,
  owns: [ConfigMap], // a change of one reconciles its page; the garbage collector removes them with their page
  async reconcile(key, page, { client, log }) {
    if (page === undefined || page.metadata.deletionTimestamp !== undefined) return;
    await client.apply(ConfigMap, desired(page), { force: true });
    log.info('page written', { page: splitKey(key).name });
  },
};

export default defineModule({
  name: 'pages',
  description: 'An example: the text of each Page as a ConfigMap',
  kinds: [Page],
  needs: [ConfigMap],
  controllers: [pages],
});

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
