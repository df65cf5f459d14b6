/** What a kubelet may do: read what its pods need, write itself and what it says of its pods (upstream: plugin/pkg/auth/authorizer/node). */
import type { UserInfo } from '../../../sdk/module.ts';
import { parseFieldSelector } from '../../../api/field-selector.ts';
import type { Store } from '../../store/store.ts';
import { covers, type Decision, type PolicyRule, type RuleSource } from '../authorize.ts';
import type { Attributes } from '../errors.ts';
import { nodeOf } from './identity.ts';
import { isRelated, type RelatedKind } from './related.ts';

const READ = ['get', 'list', 'watch'];
const OWN = ['get', 'create', 'update', 'patch', 'delete'];
const LEASES = 'kube-node-lease';

/** What every node may do alike. */
const EVERY_NODE: readonly PolicyRule[] = [
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'] },
  { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews', 'subjectaccessreviews'] },
  { verbs: READ, apiGroups: [''], resources: ['services'] },
  { verbs: ['create', 'patch', 'update'], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
  { verbs: ['get'], apiGroups: [''], resources: ['endpoints'] },
  { verbs: ['create', ...READ], apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'] },
  { verbs: READ, apiGroups: ['storage.k8s.io'], resources: ['csidrivers'] },
  { verbs: READ, apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'] },
];

type Resource = NonNullable<Attributes['resource']>;

const ALLOWED: Decision = { allowed: true, reason: '' };
const no = (reason: string): Decision => ({ allowed: false, reason });

/** Decides for users of the group system:nodes whose name is system:node:NAME. */
export function nodeRules(store: Store): RuleSource {
  return {
    allows(attributes) {
      const node = nodeOf(attributes.user);
      if (node === undefined) return undefined;
      if (node === '') return no(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
      return decide(store, node, attributes);
    },
    rulesOf: (_user: UserInfo) => [],
    isEnumerable: (user) => nodeOf(user) === undefined,
  };
}

function decide(store: Store, node: string, attributes: Attributes): Decision {
  const { resource, verb } = attributes;
  if (resource !== undefined) {
    const subdivided = SUBDIVIDED[`${resource.group}/${resource.plural}`];
    if (subdivided !== undefined) return subdivided({ store, node, verb, resource });
  }
  return EVERY_NODE.some((rule) => covers(rule, attributes)) ? ALLOWED : no('');
}

interface Asked {
  store: Store;
  node: string;
  verb: string;
  resource: Resource;
}

type Judge = (asked: Asked) => Decision;

function related({ store, node, resource }: Asked, kind: RelatedKind): Decision {
  if (!resource.name) return no('No Object name found');
  return isRelated(store, node, kind, resource.namespace ?? '', resource.name) ? ALLOWED : no(`no relationship found between node '${node}' and this object`);
}

function mayGet(kind: RelatedKind): Judge {
  return (asked) => {
    if (asked.verb !== 'get') return no('can only get individual resources of this type');
    return asked.resource.subresource ? no('cannot get subresource') : related(asked, kind);
  };
}

function mayRead(kind: RelatedKind): Judge {
  return (asked) => {
    if (!READ.includes(asked.verb)) return no('can only read resources of this type');
    if (asked.resource.subresource) return no('cannot read subresource');
    return asked.resource.namespace ? related(asked, kind) : no('can only read namespaced object of this type');
  };
}

const claims: Judge = (asked) => {
  if (asked.resource.subresource !== 'status') return mayGet('persistentvolumeclaims')(asked);
  return asked.verb === 'update' || asked.verb === 'patch' ? related(asked, 'persistentvolumeclaims') : no('can only get/update/patch this type');
};

const serviceAccounts: Judge = (asked) => {
  const { verb, resource } = asked;
  if (verb === 'get' && !resource.subresource) return mayRead('serviceaccounts')(asked);
  if (verb !== 'create' || !resource.name) return no('can only create tokens for individual service accounts');
  return resource.subresource === 'token' ? related(asked, 'serviceaccounts') : no('can only create token subresource of serviceaccount');
};

/** A create does not tell its name yet: restriction.ts looks at the object. */
function ownOnly(what: string, called: string): Judge {
  return ({ node, verb, resource }) => {
    if (!OWN.includes(verb)) return no(`can only get, create, update, patch, or delete a ${what}`);
    if (resource.subresource) return no(`cannot authorize ${what} subresources`);
    return verb === 'create' || resource.name === node ? ALLOWED : no(`can only access ${called} with the same name as the requesting node`);
  };
}

const leases: Judge = (asked) => (asked.resource.namespace === LEASES || !OWN.includes(asked.verb) ? ownOnly('node lease', 'node lease')(asked) : no(`can only access leases in the ${JSON.stringify(LEASES)} system namespace`));

const nodes: Judge = ({ node, verb, resource: { subresource = '', name = '' } }) => {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOWED : no('');
  if (subresource !== '') return no('');
  if (verb === 'create' || verb === 'update' || verb === 'patch') return ALLOWED;
  if (!READ.includes(verb)) return no('');
  if (name === node) return ALLOWED;
  return no(name === '' ? `node '${node}' cannot read all nodes, only its own Node object` : `node '${node}' cannot read '${name}', only its own Node object`);
};

const pods: Judge = (asked) => {
  const { node, verb, resource } = asked;
  switch (resource.subresource ?? '') {
    case '':
      if (verb === 'get') return related(asked, 'pods');
      if (verb === 'create' || verb === 'delete') return ALLOWED;
      if (verb !== 'list' && verb !== 'watch') return no('');
      if (asksForNode(resource.fieldSelector, node)) return ALLOWED;
      return resource.name ? related(asked, 'pods') : no('can only list/watch pods with spec.nodeName field selector');
    case 'status': return verb === 'update' || verb === 'patch' ? ALLOWED : no('');
    case 'eviction': return verb === 'create' ? ALLOWED : no('');
    default: return no('');
  }
};

function asksForNode(fieldSelector: string | undefined, node: string): boolean {
  if (!fieldSelector) return false;
  try {
    return parseFieldSelector(fieldSelector).some(({ field, operator, value }) => field === 'spec.nodeName' && operator === '=' && value === node);
  } catch {
    return false; // refused later, in its own words
  }
}

/** Its own, as drivers write them with the node's name; which those are is the object's to say when it is made (restriction.ts). */
const slices: Judge = (asked) => {
  const { node, verb, resource } = asked;
  if (resource.subresource) return no('cannot authorize ResourceSlice subresources');
  if (verb === 'create') return ALLOWED;
  if (verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete') return related(asked, 'resourceslices');
  return asksForNode(resource.fieldSelector, node) ? ALLOWED : no('can only list/watch/deletecollection resourceslices with spec.nodeName field selector');
};

const SUBDIVIDED: Readonly<Record<string, Judge>> = {
  '/secrets': mayRead('secrets'), '/configmaps': mayRead('configmaps'), '/persistentvolumeclaims': claims, '/persistentvolumes': mayGet('persistentvolumes'), '/serviceaccounts': serviceAccounts, '/nodes': nodes, '/pods': pods,
  'storage.k8s.io/volumeattachments': mayGet('volumeattachments'), 'resource.k8s.io/resourceclaims': mayGet('resourceclaims'), 'resource.k8s.io/resourceslices': slices, 'storage.k8s.io/csinodes': ownOnly('CSINode', 'CSINode'), 'coordination.k8s.io/leases': leases,
};
