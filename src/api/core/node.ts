/** Node (core/v1). */
import type { Node as NodeType, Taint } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { cidrErrors } from '../ip-validation.ts';
import { defineKind, type Kind } from '../kind.ts';
import { amountErrors } from './resource-validation.ts';
import { labelKeyErrors, labelValueErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Node = NodeType;

const ROLE_PREFIX = 'node-role.kubernetes.io/';

export const Node: Kind<Node> = defineKind<Node>({
  group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false,
  shortNames: ['no'],
  schema: () => schemaOf('', 'v1', 'Node'),
  rules: {
    generation: false,
    defaults(node) {
      const status = node.status;
      if (status !== undefined && status.allocatable === undefined && status.capacity !== undefined) status.allocatable = { ...status.capacity };
    },
    validate: (node, old) => [...resourceErrors(node), ...addressErrors(node), ...rangeErrors(node, old), ...taintErrors(node.spec?.taints, 'spec.taints'), ...(old === undefined ? [] : updateErrors(node, old))],
    validateStatus: (node) => [...resourceErrors(node), ...addressErrors(node)],
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Status', showStatus),
    column('Roles', (node) => rolesOf(node).join(',') || '<none>'),
    AGE,
    column('Version', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    column('Internal-IP', (node) => addressOf(node, 'InternalIP'), { wide: true }),
    column('External-IP', (node) => addressOf(node, 'ExternalIP'), { wide: true }),
    column('OS-Image', (node) => node.status?.nodeInfo?.osImage || '<unknown>', { wide: true }),
    column('Kernel-Version', (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>', { wide: true }),
    column('Container-Runtime', (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>', { wide: true }),
  ],
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
});

function showStatus(node: Node): string {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesOf(node: Node): string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].sort();
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

function resourceErrors({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((field) => Object.entries(status?.[field] ?? {}).flatMap(([name, quantity]) => amountErrors(name, quantity, `status.${field}.${name}`)));
}

function addressErrors({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap(({ type, address }, index) => {
    const key = `${type} ${address}`;
    return seen.size === seen.add(key).size ? [duplicate(`status.addresses[${index}]`, { type, address })] : [];
  });
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function rangeErrors(node: Node, old: Node | undefined): FieldError[] {
  const rangesOf = ({ spec }: Node): readonly string[] => spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []);
  const [ranges, kept] = [rangesOf(node), new Set(old === undefined ? [] : rangesOf(old))];
  const errors = ranges.flatMap((range, index) => cidrErrors(`spec.podCIDRs[${index}]`, range, kept));
  const families = new Set(ranges.map((range) => range.includes(':')));
  return ranges.length > families.size ? [...errors, invalid('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family')] : errors;
}

/** Of nodes, and of what says how nodes are. */
export function taintErrors(taints: readonly Taint[] = [], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    const path = `${field}[${index}]`;
    const { key = '', value = '', effect = '' } = taint;
    for (const error of labelKeyErrors(key)) errors.push(invalid(`${path}.key`, key, error));
    for (const error of labelValueErrors(value)) errors.push(invalid(`${path}.value`, value, error));
    if (effect === '') errors.push(required(`${path}.effect`));
    else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
    const pair = `${key}:${effect}`;
    if (seen.has(pair)) errors.push({ ...invalid(path, taint, ''), type: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(taint)}: taints must be unique by key and effect pair` });
    seen.add(pair);
  }
  return errors;
}

function updateErrors(node: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  if (old.spec?.podCIDR && node.spec?.podCIDR !== old.spec.podCIDR) errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec?.providerID && node.spec?.providerID !== old.spec.providerID) errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  if (old.spec?.podCIDRs !== undefined && !equalJson(old.spec.podCIDRs, node.spec?.podCIDRs) && old.spec.podCIDR) errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  return errors;
}
