/** Definitions that a user installs of kinds that are built in. */
import assert from 'node:assert/strict';
import { GATEWAY_KINDS } from '../../../src/api/gateway/kinds.ts';
import { call, get, gone, ok, patch, until, type Body } from '../cluster.ts';
import { accepted, addressOf, apply, behaviour, condition, expect, from, gateway, http, INFRA, isTrue, pathOf, prefix, remove, route, to, V1, V2 } from './world.ts';

/** A definition that a user installs takes the place of the built-in kind, and gives it back. */
export function definitions(): void {
  behaviour('GatewayUnderDefinitionsOfUpstream', () => [gateway('defined', [http()]), route('defined', ['defined'], [{ backendRefs: [to(V1)] }])], async () => {
    const definitions = upstreamDefinitions();
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    try {
      for (const each of definitions) {
        const { headers } = await call('PATCH', `${crds}/${each.metadata.name}?fieldManager=test`, { body: each, contentType: 'application/apply-patch+yaml' });
        assert.match(String(headers['warning']), /llmos serves \w+\.gateway\.networking\.k8s\.io without this definition/);
      }
      for (const each of definitions) await until(`${crds}/${each.metadata.name}`, ({ status }) => status?.conditions?.some((one: Body) => one.type === 'Established' && one.status === 'True') === true);
      const address = await addressOf('defined');
      await expect(address, {}, { backend: V1 });
      await apply(route('defined', ['defined'], [{ matches: [prefix('/x')], backendRefs: [to(V2)] }]));
      await accepted('defined');
      await expect(address, { path: '/x' }, { backend: V2 });
      // Upstream's GatewayClassSupportedVersionCondition.
      const [classes, bundle] = [`${crds}/gatewayclasses.gateway.networking.k8s.io`, 'gateway.networking.k8s.io/bundle-version'];
      for (const [version, reason] of [['v1.4.0', 'SupportedVersion'], [null, 'UnsupportedVersion'], ['v1.6.1', 'SupportedVersion'], ['v0.0.0', 'UnsupportedVersion']] as const) {
        await patch(classes, { metadata: { annotations: { [bundle]: version } } });
        await until('/apis/gateway.networking.k8s.io/v1/gatewayclasses/llmos', ({ status }) => isTrue(status, 'Accepted') && condition(status, 'SupportedVersion')?.reason === reason && isTrue(status, 'SupportedVersion') === (reason === 'SupportedVersion'));
      }
      const wrong = await call('POST', `/apis/gateway.networking.k8s.io/v1/namespaces/${INFRA}/httproutes`, { body: { ...route('twice', ['defined', 'defined'], [{ backendRefs: [to(V1)] }]) } });
      assert.equal(wrong.code, 422, 'its rules hold');
    } finally {
      for (const each of definitions.filter(({ spec }) => !['Gateway', 'GatewayClass'].includes(spec.names.kind))) await remove(each);
    }
    await until('/apis/gateway.networking.k8s.io/v1/httproutes', ({ items }) => items.length === 0);
    for (const kind of ['GatewayClass', 'Gateway']) await remove(definitions.find(({ spec }) => spec.names.kind === kind)!);
    // What is built in is there again, the class with it; the Gateways that others share are made anew.
    await until('/apis/gateway.networking.k8s.io/v1/gatewayclasses/llmos', ({ status }) => isTrue(status, 'Accepted') && isTrue(status, 'SupportedVersion'));
    await until('/apis/gateway.networking.k8s.io/v1/gateways', ({ items }) => items.length === 0);
    for (const each of definitions) await gone(`${crds}/${each.metadata.name}`);
    await apply(gateway('same-namespace', [http(from('Same'))]));
    const wrong = await call('POST', `/apis/gateway.networking.k8s.io/v1/namespaces/${INFRA}/httproutes`, { body: route('twice', ['same-namespace', 'same-namespace'], [{ backendRefs: [to(V1)] }]) });
    assert.equal(wrong.code, 422, JSON.stringify(wrong.body));
    await addressOf('same-namespace');
  });

  behaviour('HTTPRouteUnderDefinitionOfTheUser', () => [], async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'httproutes.gateway.networking.k8s.io', annotations: { 'api-approved.kubernetes.io': 'https://example.com/approved' } },
      spec: { group: 'gateway.networking.k8s.io', scope: 'Namespaced', names: { kind: 'HTTPRoute', plural: 'httproutes' }, versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } } } }] },
    };
    await ok('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body: definition });
    await until('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io', ({ status }) => status?.conditions?.some((each: Body) => each.type === 'Established' && each.status === 'True') === true);
    const own = route('of-definition', [{ name: 'same-namespace', ofTheUsersOwn: true }], [{ backendRefs: [to(V1)] }]);
    await apply(own);
    assert.equal((await get(pathOf(own))).spec.parentRefs[0].ofTheUsersOwn, true);
    await accepted('of-definition');
    await expect(await addressOf('same-namespace'), {}, { backend: V1 });
    await remove({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'httproutes.gateway.networking.k8s.io' } });
    await until('/apis/gateway.networking.k8s.io/v1/httproutes', ({ items }) => items.length === 0);
    await gone('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io');
    await expect(await addressOf('same-namespace'), {}, { status: 404 });
    assert.equal((await call('POST', `/apis/gateway.networking.k8s.io/v1/namespaces/${INFRA}/httproutes`, { body: { ...own, spec: { ...own.spec, rules: [] } } })).code, 422);
  });
}

/** Definitions of the shape in which the Gateway API is installed elsewhere: all kinds and versions, with schemas, rules and defaults. */
function upstreamDefinitions(): Body[] {
  return [...Map.groupBy(GATEWAY_KINDS, ({ kind }) => kind)].map(([kind, versions]): Body => {
    const { plural, namespaced, shortNames } = versions[0]!;
    return {
      apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.gateway.networking.k8s.io`, annotations: { 'api-approved.kubernetes.io': 'https://example.com/approved', 'gateway.networking.k8s.io/bundle-version': 'v1.4.0', 'gateway.networking.k8s.io/channel': 'standard' } },
      spec: {
        group: 'gateway.networking.k8s.io', scope: namespaced ? 'Namespaced' : 'Cluster', names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ['gateway-api'] },
        versions: versions.map(({ version, schema }, index) => {
          const { properties = {}, required } = onWire(schema()) as Body;
          return { name: version, served: true, storage: index === 0, ...(kind === 'ReferenceGrant' ? {} : { subresources: { status: {} } }), additionalPrinterColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }], schema: { openAPIV3Schema: { type: 'object', required, properties: { ...properties, metadata: { type: 'object' } } } } };
        }),
      },
    };
  });
}

const EXTENSIONS: Readonly<Record<string, string>> = { xListType: 'x-kubernetes-list-type', xListMapKeys: 'x-kubernetes-list-map-keys', xValidations: 'x-kubernetes-validations', xMapType: 'x-kubernetes-map-type' };

function onWire(schema: Body): Body {
  if (Array.isArray(schema)) return schema.map(onWire);
  if (schema === null || typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]: [string, Body]) => [EXTENSIONS[key] ?? key, key === 'properties' ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, onWire(each)])) : key === 'default' ? value : onWire(value)]));
}
