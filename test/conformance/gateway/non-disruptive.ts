/** Changes that are none for who asks meanwhile: not one request fails. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { patch, type Body } from '../cluster.ts';
import { accepted, addressOf, amid, apply, ask, behaviour, expect, gateway, http, INFRA, pathOf, prefix, remove, route, tlsSecret, to, V1, V2, V3, type Ask } from './world.ts';
import { shown } from './tls.ts';

const AT_ONCE = 4;

/** Asks as long as `run` runs, and until each who asks has been answered after it too. */
async function whileAsked(address: string, question: Ask, run: () => Promise<void>): Promise<void> {
  const wrong: string[] = [];
  let isOver = false;
  const asking = Array.from({ length: AT_ONCE }, async () => {
    let answered = 0;
    for (let isLast = false; !isLast; answered++) {
      isLast = isOver;
      const told = await ask(address, question).then(({ status }) => String(status), (error: Error) => error.message);
      if (told !== '200') wrong.push(told);
    }
    return answered;
  });
  try {
    await run();
  } finally {
    isOver = true;
  }
  const counts = await Promise.all(asking);
  assert.deepEqual([wrong, counts.every((count) => count > 1)], [[], true], `of ${counts.reduce((sum, each) => sum + each, 0)} requests`);
}

export function nonDisruptive(): void {
  const leadsTo = (name: string, backend: string): Body => route(name, ['undisturbed'], [{ matches: [prefix('/one')], backendRefs: [to(backend)] }]);

  behaviour('HTTPRouteNonDisruptiveConfig', () => [gateway('undisturbed', [http()]), leadsTo('first', V1)], async () => {
    await accepted('first');
    const address = await addressOf('undisturbed');
    await expect(address, { path: '/one' }, { backend: V1 });
    await whileAsked(address, { path: '/one' }, async () => {
      await apply(leadsTo('first', V2));
      await expect(address, { path: '/one' }, { backend: V2 });
      // Another route takes its place, then listeners of other names theirs.
      await amid([leadsTo('second', V3)], async () => {
        await accepted('second');
        await remove(leadsTo('first', V2));
        await expect(address, { path: '/one' }, { backend: V3 });
        await patch(pathOf(gateway('undisturbed', [])), { spec: { listeners: [http({ name: 'another' }), http({ name: 'beside', port: 8080 })] } });
        await expect(address, { path: '/one', port: 8080 }, { backend: V3 });
        await apply(leadsTo('first', V1));
        await accepted('first');
      });
      await expect(address, { path: '/one' }, { backend: V1 });
    });
  });

  behaviour('GatewayNonDisruptiveCertificates', () => [
    tlsSecret(INFRA, 'turns', '*.example.com'), gateway('certificate-turns', [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: '*.example.com', tls: { certificateRefs: [{ name: 'turns' }] } }]), route('certificate-turns', ['certificate-turns'], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await accepted('certificate-turns');
    const address = await addressOf('certificate-turns');
    const question = { host: 'shop.example.com', sni: 'shop.example.com' };
    await expect(address, question, { backend: V1 });
    await whileAsked(address, question, async () => {
      for (const turn of [1, 2, 3, 4, 5]) {
        const { stringData } = tlsSecret(INFRA, 'turns', '*.example.com', `turn-${turn}.example.org`);
        await patch(`/api/v1/namespaces/${INFRA}/secrets/turns`, { stringData });
        await eventually(async () => (await shown(address, 'shop.example.com'))?.includes(`turn-${turn}.`) === true, { what: `the certificate of turn ${turn}` });
      }
    });
  });
}
