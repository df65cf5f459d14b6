/** The ServiceAccount `default/bot`: somebody who is authenticated, and has no right but those that a test gives it. */
import { ServiceAccount } from '../../../api/kinds.ts';
import { openDoor, type OpenDoor } from './open-door.ts';

export async function openDoorWithBot(): Promise<OpenDoor> {
  const door = await openDoor();
  await door.client.create(ServiceAccount, { metadata: { name: 'bot', namespace: 'default' } });
  return door;
}

/** A token of it. @param spec that of the TokenRequest; default: for the API, an hour, bound to nothing */
export async function tokenOfBot(door: OpenDoor, spec: object = {}): Promise<string> {
  return (await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { spec } })).json.status.token;
}
