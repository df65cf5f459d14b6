/** Drivers of dynamic resources on this node: they make devices of claims ready, and take that back. */
import { callOnce } from '../plugins/call.ts';
import type { PluginSort } from '../plugins/registry.ts';
import { ClaimsRequest, PrepareResponse, SERVICES, UnprepareResponse, type Answers, type ClaimName, type PreparedDevice } from './api.ts';

export interface ClaimDrivers {
  /** What each claim got, by uid. Rejects in the kubelet's words when the driver is not here, or one of the claims is refused. Safe to call again. */
  prepare(driver: string, claims: readonly ClaimName[]): Promise<ReadonlyMap<string, readonly PreparedDevice[]>>;
  /** As {@link ClaimDrivers.prepare}. */
  unprepare(driver: string, claims: readonly ClaimName[]): Promise<void>;
  readonly sort: PluginSort;
}

const CALL_MS = 45_000;

export function claimDrivers(): ClaimDrivers {
  /** The last that came is asked: with a rolling update two of one name are here for a while. */
  const known: { name: string; socket: string; endpoint: string; service: string }[] = [];

  async function call(driver: string, method: string, answer: typeof PrepareResponse, claims: readonly ClaimName[]): Promise<Map<string, readonly PreparedDevice[]>> {
    const found = known.findLast(({ name }) => name === driver);
    if (found === undefined) throw new Error(`DRA driver ${driver} is not registered`);
    const answers = (await callOnce(found.endpoint, `${found.service}/${method}`, { type: ClaimsRequest, message: { claims } }, answer, CALL_MS)) as unknown as Answers;
    const byUid = new Map(answers.claims.map(({ key, value }) => [key, value]));
    for (const { uid, name } of claims) {
      if (!byUid.has(uid)) throw new Error(`${method} skipped ResourceClaim ${name}`);
      const error = byUid.get(uid)?.error ?? '';
      if (error !== '') throw new Error(`${method} failed for ResourceClaim ${name}: ${error}`);
    }
    return new Map(claims.map(({ uid }) => [uid, byUid.get(uid)?.devices ?? []]));
  }

  return {
    prepare: (driver, claims) => call(driver, 'NodePrepareResources', PrepareResponse, claims),
    unprepare: async (driver, claims) => void (await call(driver, 'NodeUnprepareResources', UnprepareResponse, claims)),
    sort: {
      type: 'DRAPlugin',
      async came({ name, socket, endpoint, supportedVersions }) {
        const version = Object.keys(SERVICES).find((each) => supportedVersions.includes(each));
        if (version === undefined) throw new Error(`versions ${supportedVersions.join(', ')} of the service of DRA drivers are not spoken here: ${Object.keys(SERVICES).join(' and ')} are`);
        known.push({ name, socket, endpoint, service: SERVICES[version]! });
      },
      async left(plugin) {
        const at = known.findIndex(({ socket }) => socket === plugin.socket);
        if (at >= 0) known.splice(at, 1);
      },
    },
  };
}
