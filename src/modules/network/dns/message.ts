/**
 * Answers as bytes (RFC 1035, section 4; RFC 6891 for OPT), names compressed: what several records share is written once, so that more of them
 * fit into a datagram. Pure. Where the answer is many addresses of one name, it says where they stand, so that they can be turned without encoding again.
 */
import type { Record as DnsRecord } from 'dns-packet';
import { OPT_BYTES } from './wire.ts';

export interface Message {
  id: number;
  flags: number;
  question: Buffer;
  /** The name of the question as it was asked. */
  name: string;
  answers: readonly DnsRecord[];
  authorities: readonly DnsRecord[];
  additionals: readonly DnsRecord[];
  /** What the asker may be told that it can send; absent without EDNS. */
  ednsBytes?: number;
  /** With EDNS: the asker takes records of DNSSEC, which is told back (RFC 3225, section 3). */
  dnssecOk?: boolean;
}

export interface Encoded {
  bytes: Buffer;
  /** The answers, where they are all of one size and may come in any order. */
  turn?: { at: number; size: number; count: number };
  /** It has not all of the answers. */
  isCut?: true;
}

const TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 };
const IN = 1;
const OPT = 41;
const HEADER = 12;
const DNSSEC_OK = 0x8000;
const TRUNCATED = 0x0200;
/** As far as two bytes can point. */
const FARTHEST = 0x3fff;

/** One at a time: the text is written here and then copied. */
const scratch = Buffer.alloc(65_536 + 2_048);

/**
 * Undefined when it is longer than `most` bytes. `cut`: then it has as many of the answers as fit, nothing after them, and says that there are more (RFC 2181, section 9), for those who
 * take what they get and do not ask over TCP.
 */
export function encodeMessage({ id, flags, question, name, answers, authorities, additionals, ednsBytes, dnssecOk }: Message, most: number, { cut = false }: { cut?: boolean } = {}): Encoded | undefined {
  const known = new Map<string, number>();
  let at = HEADER;

  /** Labels until one that stands somewhere already; in whole the targets of SRV, where resolvers refuse pointers (RFC 2782). */
  const writeName = (text: string, how: { whole?: boolean } = {}): void => {
    let rest = text.replace(/\.$/, '');
    while (rest !== '') {
      const place = how.whole ? undefined : known.get(rest.toLowerCase());
      if (place !== undefined) {
        at = scratch.writeUInt16BE(0xc000 | place, at);
        return;
      }
      if (at <= FARTHEST && !known.has(rest.toLowerCase())) known.set(rest.toLowerCase(), at);
      const dot = rest.indexOf('.');
      const label = dot < 0 ? rest : rest.slice(0, dot);
      const length = scratch.write(label, at + 1, 63, 'latin1');
      scratch[at] = length;
      at += length + 1;
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    scratch[at++] = 0;
  };
  const writeRecord = (record: DnsRecord): void => {
    writeName(record.name);
    at = scratch.writeUInt16BE(TYPES[record.type] ?? 0, at);
    at = scratch.writeUInt16BE(IN, at);
    at = scratch.writeUInt32BE(record.ttl ?? 0, at);
    const lengthAt = at;
    at += 2;
    writeData(record);
    scratch.writeUInt16BE(at - lengthAt - 2, lengthAt);
  };
  const writeData = ({ type, data }: DnsRecord): void => {
    if (type === 'A') for (const part of String(data).split('.')) scratch[at++] = Number(part);
    else if (type === 'AAAA') for (const group of groupsOf(String(data))) at = scratch.writeUInt16BE(group, at);
    else if (type === 'TXT') {
      const length = scratch.write(String(data), at + 1, 255, 'latin1');
      scratch[at] = length;
      at += length + 1;
    } else if (type === 'SRV') {
      const { priority = 0, weight = 0, port, target } = data as { priority?: number; weight?: number; port: number; target: string };
      for (const each of [priority, weight, port]) at = scratch.writeUInt16BE(each, at);
      writeName(target, { whole: true });
    } else if (type === 'SOA') {
      const { mname, rname, serial, refresh, retry, expire, minimum } = data as { mname: string; rname: string; serial: number; refresh: number; retry: number; expire: number; minimum: number };
      writeName(mname);
      writeName(rname);
      for (const each of [serial, refresh, retry, expire, minimum]) at = scratch.writeUInt32BE(each, at);
    } else writeName(String(data));
  };

  // The question as it came, with its name known from there.
  let place = at;
  // Letters of several bytes would shift the places.
  let left = question.length === name.length + 6 ? name : '';
  while (left !== '') {
    known.set(left.toLowerCase(), place);
    const dot = left.indexOf('.');
    place += (dot < 0 ? left.length : dot) + 1;
    left = dot < 0 ? '' : left.slice(dot + 1);
  }
  at += question.copy(scratch, at);
  const answersAt = at;
  const room = most - (ednsBytes === undefined ? 0 : OPT_BYTES);
  let written = 0;
  for (; written < answers.length; written++) {
    const before = at;
    writeRecord(answers[written]!);
    if (at <= room) continue;
    if (!cut) return undefined;
    at = before;
    break;
  }
  const isCut = written < answers.length;
  const answersEnd = at;
  const others = isCut ? [] : [...authorities, ...additionals];
  for (const each of others) {
    writeRecord(each);
    if (at > room) return undefined;
  }
  if (ednsBytes !== undefined) {
    scratch[at++] = 0;
    at = scratch.writeUInt16BE(OPT, at);
    at = scratch.writeUInt16BE(ednsBytes, at);
    at = scratch.writeUInt32BE(dnssecOk === true ? DNSSEC_OK : 0, at);
    at = scratch.writeUInt16BE(0, at);
  }
  const opts = ednsBytes === undefined ? 0 : 1;
  writeHeader(isCut ? [id, flags | TRUNCATED, 1, written, 0, opts] : [id, flags, 1, written, authorities.length, additionals.length + opts]);
  const [first] = answers;
  const alike = answers.length > 1 && answers.every(({ name: own, type }) => own === first?.name && type === first.type) && (first?.type === 'A' || first?.type === 'AAAA');
  const bytes = Buffer.from(scratch.subarray(0, at));
  if (isCut) return { bytes, isCut };
  return alike ? { bytes, turn: { at: answersAt, size: (answersEnd - answersAt) / answers.length, count: answers.length } } : { bytes };
}

function writeHeader(words: readonly number[]): void {
  words.forEach((word, index) => scratch.writeUInt16BE(word & 0xffff, index * 2));
}

/** The eight groups of an IPv6 address; an IPv4 address at its end is two of them. */
export function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text = dotted === null ? address : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [before = '', after] = text.split('::');
  const groups = (half: string): number[] => (half === '' ? [] : half.split(':').map((each) => Number.parseInt(each, 16)));
  const [left, right] = [groups(before), groups(after ?? '')];
  return after === undefined ? left : [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

/** A copy with the query's id, in which the answers begin with another one. */
export function turned({ bytes, turn }: Encoded, id: number, by: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  if (turn === undefined) return copy;
  const { at, size, count } = turn;
  const split = at + (by % count) * size;
  const end = at + count * size;
  bytes.copy(copy, at, split, end);
  bytes.copy(copy, at + end - split, at, split);
  return copy;
}
