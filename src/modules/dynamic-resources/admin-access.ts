/** Devices that somebody else uses may be reached from namespaces only that are marked for it (upstream: DRAAdminAccess). */
import { Namespace } from '../../api/core/namespace.ts';
import { ApiError } from '../../api/errors.ts';
import { forbidden, invalidObject } from '../../api/field-error.ts';
import { ResourceClaim, ResourceClaimTemplate } from '../../api/resource/resource-claim.ts';
import type { Admission } from '../../sdk/module.ts';

const LABEL = 'resource.kubernetes.io/admin-access';

export const adminAccess: Admission = {
  name: 'DRAAdminAccess',
  kinds: [ResourceClaim, ResourceClaimTemplate] as never,
  operations: ['CREATE'],
  async validate({ kind, namespace = '', object }, { client }) {
    const isTemplate = kind.plural === ResourceClaimTemplate.plural;
    const spec = isTemplate ? (object as ResourceClaimTemplate).spec?.spec : (object as ResourceClaim).spec;
    const asks = (spec?.devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true);
    if (asks < 0) return;
    const { metadata } = await client.get(Namespace, namespace).catch(() => { throw new ApiError('NotFound', `namespaces "${namespace}" not found`); });
    if (metadata.labels?.[LABEL] === 'true') return;
    const path = `${isTemplate ? 'spec.spec' : 'spec'}.devices.requests[${asks}].exactly.adminAccess`;
    throw invalidObject(kind, object?.metadata.name ?? '', [forbidden(path, `admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`)]);
  },
};
