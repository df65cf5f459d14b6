/** GET of one object. */
import { answerObject, answerScale, formOf, type Exchange } from '../exchange.ts';
import { encodeValue } from '../encode.ts';
import { methodNotAllowed, resourceUnknown } from '../errors.ts';
import { outcomeOf } from '../door.ts';
import { parseRevision, untilRevision } from '../resources/list.ts';
import { getStored } from '../resources/read.ts';
import { asKind } from '../resources/convert.ts';
import { convertedOne } from '../resources/conversion.ts';
import { readScale } from '../../../api/autoscaling/scale-view.ts';
import { respond } from '../respond.ts';

export async function handleGet(exchange: Exchange): Promise<void> {
  const { door, kind, resource, info } = exchange;
  const atLeast = parseRevision(info.query.get('resourceVersion'));
  if (atLeast !== undefined && atLeast > door.store.revision) await untilRevision(door, atLeast);
  const stored = await convertedOne(kind, getStored(door, kind, resource.namespace, resource.name!));
  const { subresource } = resource;
  if (subresource === undefined || (subresource === 'status' && kind.subresources.status === true)) return answerObject(exchange, 200, outcomeOf(stored));
  if (subresource === 'scale' && kind.subresources.scale !== undefined) return answerScale(exchange, readScale(kind.subresources.scale, asKind(kind, stored.object)));
  const action = kind.subresources.actions?.[subresource];
  if (action === undefined) throw resourceUnknown();
  if (!action.verbs.includes('get')) throw methodNotAllowed();
  respond(exchange.http, exchange.response, 200, await encodeValue(asKind(kind, stored.object), formOf(exchange)), { warnings: exchange.warnings });
}
