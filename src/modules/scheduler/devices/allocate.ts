/**
 * Gives devices to claims for one node: a search over requests and candidates that goes back where a choice leads nowhere (upstream:
 * dynamic-resource-allocation/structured). Pure. Which devices come first is the order of pools, slices and devices; of alternatives the first that fits.
 */
import { randomUUID } from 'node:crypto';
import type { AllocationResult, CapacityRequirements, Device, DeviceAllocationConfiguration, DeviceClass, DeviceRequest, DeviceRequestAllocationResult, DeviceSelector, DeviceSubRequest, DeviceToleration, ExactDeviceRequest, ResourceClaim } from '../../../api/generated/resource-v1.ts';
import type { NodeSelectorRequirement } from '../../../api/generated/core-v1.ts';
import type { SelectableNode } from '../../../api/node-selection.ts';
import { matchesDevice } from '../../../api/resource/device-selector.ts';
import { isUsable } from '../../../api/resource/device-taints.ts';
import { isAllowed, type Picked } from './constraints.ts';
import type { Pool, PooledDevice } from './pools.ts';
import { roomOf, type Room } from './room.ts';

export interface AllocationInput {
  node: SelectableNode;
  /** Those of a pod that have no devices yet. */
  claims: readonly ResourceClaim[];
  pools: readonly Pool[];
  taken: Parameters<typeof roomOf>[0];
  classOf(name: string): DeviceClass | undefined;
}

/** By uid of the claim. */
export type Allocations = ReadonlyMap<string, AllocationResult>;

/** A search that takes more steps is given up: the claims are too tangled. */
const MOST_STEPS = 50_000;
/** As many devices as a claim may have (AllocationResultsMaxSize). */
const MOST_DEVICES = 32;

/** Why no node will do as things are, in words for the pod. */
export class AllocationFailure extends Error {}

/** Undefined where the node does not have the devices. Throws AllocationFailure where the claims themselves are at fault. */
export function allocate(input: AllocationInput): Allocations | undefined {
  const search = new Search(input);
  return search.run() ? search.results() : undefined;
}

interface Asked {
  /** `request`, or `request/subrequest`. */
  name: string;
  claim: ResourceClaim;
  itsClass: DeviceClass;
  mode: string;
  count: number;
  selectors: readonly DeviceSelector[];
  tolerations: readonly DeviceToleration[];
  capacity: CapacityRequirements | undefined;
  adminAccess: boolean;
}

interface Choice extends Picked {
  asked: Asked;
  pooled: PooledDevice;
  consumed?: Record<string, string>;
}

class Search {
  readonly #input: AllocationInput;
  readonly #room: Room;
  readonly #requests: readonly (readonly Asked[])[];
  readonly #candidates = new Map<Asked, PooledDevice[]>();
  readonly #reachable: readonly PooledDevice[];
  readonly #choices: Choice[] = [];
  #steps = 0;

  constructor(input: AllocationInput) {
    this.#input = input;
    this.#room = roomOf(input.taken);
    this.#requests = input.claims.flatMap((claim) => (claim.spec.devices?.requests ?? []).map((request) => alternativesOf(claim, request, input.classOf)));
    // What is there already before what has to be brought first. Source: upstream, GatherPools.
    const reachable = input.pools.flatMap(({ devices }) => devices.filter((each) => each.reaches(input.node)));
    this.#reachable = [...reachable.filter(({ device }) => !hasToBeBound(device)), ...reachable.filter(({ device }) => hasToBeBound(device))];
  }

  run(): boolean {
    return this.#from(0);
  }

  #from(index: number): boolean {
    const alternatives = this.#requests[index];
    if (alternatives === undefined) return true;
    return alternatives.some((asked) => {
      const candidates = this.#candidatesOf(asked);
      if (asked.mode !== 'All') return this.#pick(asked, candidates, 0, asked.count, index);
      // All of them, or none: those of pools that are about to change are not known.
      const isKnown = this.#reachable.every(({ pool }) => pool.isWhole);
      return isKnown && candidates.length > 0 && this.#pick(asked, candidates, 0, candidates.length, index);
    });
  }

  /** Picks `left` more of the candidates from `at` on: which order they come in makes no difference. */
  #pick(asked: Asked, candidates: readonly PooledDevice[], at: number, left: number, index: number): boolean {
    if (left === 0) return this.#from(index + 1);
    if (this.#choices.filter((each) => each.asked.claim === asked.claim).length >= MOST_DEVICES) return false;
    for (let next = at; next + left <= candidates.length; next++) {
      if (++this.#steps > MOST_STEPS) throw new AllocationFailure('the claims are too tangled: no allocation was found in the time that there is for a pod');
      const pooled = candidates[next]!;
      const share = asked.adminAccess ? {} : this.#room.take(pooled, asked.capacity);
      if (share === undefined) continue;
      this.#choices.push({ asked, pooled, request: asked.name, device: pooled.device, driver: pooled.pool.driver, ...share });
      const beside = this.#choices.filter((each) => each.asked.claim === asked.claim);
      if (isAllowed(asked.claim.spec.devices?.constraints, beside) && this.#pick(asked, candidates, next + 1, left - 1, index)) return true;
      this.#choices.pop();
      if (!asked.adminAccess) this.#room.giveBack(pooled);
    }
    return false;
  }

  #candidatesOf(asked: Asked): PooledDevice[] {
    let candidates = this.#candidates.get(asked);
    if (candidates === undefined) {
      candidates = this.#reachable.filter(({ device, pool, taints }) => pool.isWhole && isUsable(taints, asked.tolerations) && this.#isWanted(asked, device, pool.driver));
      this.#candidates.set(asked, candidates);
    }
    return candidates;
  }

  #isWanted({ itsClass, selectors, claim, name }: Asked, device: Device, driver: string): boolean {
    const whose = [[itsClass.spec?.selectors ?? [], `class ${itsClass.metadata.name}`], [selectors, `claim ${claim.metadata.namespace}/${claim.metadata.name}, request ${name}`]] as const;
    return whose.every(([list, of]) => list.every(({ cel }, index) => {
      try {
        return cel === undefined || matchesDevice(cel.expression, device, driver);
      } catch (error) {
        throw new AllocationFailure(`${of}: selector #${index}: runtime error: ${(error as Error).message}`);
      }
    }));
  }

  results(): Allocations {
    return new Map(this.#input.claims.map((claim) => [claim.metadata.uid ?? '', resultOf(claim, this.#choices.filter(({ asked }) => asked.claim === claim), this.#input.node)]));
  }
}

/** The most alternatives that a request may have (FirstAvailableDeviceRequestMaxSize). */
const MOST_ALTERNATIVES = 8;

/** The more, the sooner an alternative comes that was found. Source: upstream, computeScore. */
export function scoreOf(claims: readonly ResourceClaim[], allocations: Allocations): number {
  return claims.reduce((sum, { metadata, spec }) => {
    const found = new Set(allocations.get(metadata.uid ?? '')?.devices?.results?.map(({ request }) => request));
    const scores = (spec.devices?.requests ?? []).flatMap(({ name, firstAvailable = [] }) => firstAvailable.map((each, index) => (found.has(`${name}/${each.name}`) ? MOST_ALTERNATIVES - index : 0)));
    return sum + scores.reduce((total, each) => total + each, 0);
  }, 0);
}

function hasToBeBound({ bindingConditions = [] }: Device): boolean {
  return bindingConditions.length > 0;
}

function alternativesOf(claim: ResourceClaim, { name, exactly, firstAvailable = [] }: DeviceRequest, classOf: AllocationInput['classOf']): Asked[] {
  const asked = (each: ExactDeviceRequest | DeviceSubRequest, called: string): Asked => {
    const itsClass = classOf(each.deviceClassName);
    if (itsClass === undefined) throw new AllocationFailure(`claim ${claim.metadata.namespace}/${claim.metadata.name}: could not retrieve device class ${each.deviceClassName}: not found`);
    return {
      name: called, claim, itsClass, mode: each.allocationMode ?? 'ExactCount', count: Number(each.count ?? 1), selectors: each.selectors ?? [], tolerations: each.tolerations ?? [], capacity: each.capacity,
      adminAccess: (each as ExactDeviceRequest).adminAccess === true,
    };
  };
  return exactly === undefined ? firstAvailable.map((each) => asked(each, `${name}/${each.name}`)) : [asked(exactly, name)];
}

function resultOf({ spec }: ResourceClaim, choices: readonly Choice[], node: SelectableNode): AllocationResult {
  const results = choices.map(({ asked, pooled, request, consumed }): DeviceRequestAllocationResult => ({
    request, driver: pooled.pool.driver, pool: pooled.pool.name, device: pooled.device.name,
    ...(asked.adminAccess ? { adminAccess: true } : {}), ...(asked.tolerations.length > 0 ? { tolerations: [...asked.tolerations] } : {}),
    ...(hasToBeBound(pooled.device) ? { bindingConditions: [...pooled.device.bindingConditions!] } : {}), ...((pooled.device.bindingFailureConditions?.length ?? 0) > 0 ? { bindingFailureConditions: [...pooled.device.bindingFailureConditions!] } : {}),
    ...(consumed === undefined ? {} : { consumedCapacity: consumed, shareID: randomUUID() }),
  }));
  const requests = new Map(choices.map(({ request, asked }) => [request, asked]));
  const config: DeviceAllocationConfiguration[] = [
    ...[...requests].flatMap(([request, { itsClass }]) => (itsClass.spec?.config ?? []).map((each) => ({ source: 'FromClass' as const, requests: [request], ...each }))),
    ...(spec.devices?.config ?? []).filter(({ requests: of = [] }) => of.length === 0 || of.some((each) => requests.has(each) || [...requests.keys()].some((request) => request.startsWith(`${each}/`)))).map((each) => ({ source: 'FromClaim' as const, ...each })),
  ];
  const nodeSelector = nodeSelectorOf(choices, node);
  return { devices: { results, ...(config.length > 0 ? { config } : {}) }, ...(nodeSelector === undefined ? {} : { nodeSelector }) };
}

/** Where the devices can be reached: at the node, at those that all selectors name, or everywhere. */
function nodeSelectorOf(choices: readonly Choice[], node: SelectableNode): AllocationResult['nodeSelector'] {
  if (choices.some(({ pooled }) => pooled.nodeName !== undefined || pooled.device.bindsToNode === true)) return { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.name] }] }] };
  const terms = choices.flatMap(({ pooled }) => pooled.nodeSelector?.nodeSelectorTerms.slice(0, 1) ?? []);
  if (terms.length === 0) return undefined;
  const once = (all: readonly NodeSelectorRequirement[]): NodeSelectorRequirement[] => [...new Map(all.map((each) => [JSON.stringify(each), each])).values()];
  const [matchExpressions, matchFields] = [once(terms.flatMap((term) => term.matchExpressions ?? [])), once(terms.flatMap((term) => term.matchFields ?? []))];
  return { nodeSelectorTerms: [{ ...(matchExpressions.length > 0 ? { matchExpressions } : {}), ...(matchFields.length > 0 ? { matchFields } : {}) }] };
}
