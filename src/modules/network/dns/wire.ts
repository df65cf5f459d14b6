/** The few places of a DNS message (RFC 1035, section 4) that are read or written without decoding it. */

const HEADER_BYTES = 12;

/** Everything that a query asks, as a key: all but its id. */
export function question(query: Buffer): string {
  return query.toString('latin1', 2);
}

export function isQuery(message: Buffer): boolean {
  return message.length >= HEADER_BYTES && (message.readUInt8(2) & 0x80) === 0;
}

/** Where the records' times to live stand, OPT left out; undefined when the message is malformed. */
export function messageTtls(message: Buffer): number[] | undefined {
  const found: number[] = [];
  let at = HEADER_BYTES;
  try {
    for (let i = 0; i < message.readUInt16BE(4); i++) at = skipName(message, at) + 4;
    const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
    for (let i = 0; i < records; i++) {
      at = skipName(message, at);
      if (message.readUInt16BE(at) !== 41) found.push(at + 4);
      at += 10 + message.readUInt16BE(at + 8);
    }
  } catch {
    return undefined;
  }
  return at <= message.length ? found : undefined;
}

function skipName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}

/** The query turned into an answer that says only `rcode`, with its question where it has a whole one. */
export function failure(query: Buffer, rcode: number): Buffer {
  const end = questionEnd(query);
  const answer = Buffer.alloc(end);
  query.copy(answer, 0, 0, end);
  answer.writeUInt8((query.readUInt8(2) & 0x79) | 0x80, 2);
  answer.writeUInt8(0x80 | rcode, 3);
  answer.writeUInt16BE(end > HEADER_BYTES ? 1 : 0, 4);
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}

/**
 * An answer without additional records, told to one who speaks EDNS (RFC 6891, section 6.1.1): without OPT he would take it that we do not. `rcode` is of twelve bits, of which OPT has
 * the upper ones (section 6.1.3).
 */
export function withEdns(answer: Buffer, udpBytes: number, rcode = 0): Buffer {
  answer.writeUInt16BE(1, 10);
  return Buffer.concat([answer, Buffer.from([0, 0, OPT, udpBytes >> 8, udpBytes & 255, rcode >> 4, 0, 0, 0, 0, 0])]);
}

/** The bytes of a query's question. */
export function questionOf(query: Buffer): Buffer {
  return query.subarray(HEADER_BYTES, questionEnd(query));
}

function questionEnd(query: Buffer): number {
  try {
    const end = skipName(query, HEADER_BYTES) + 4;
    return query.readUInt16BE(4) > 0 && end <= query.length ? end : HEADER_BYTES;
  } catch {
    return HEADER_BYTES;
  }
}

const OPT = 41;
/** What EDNS takes of an answer. */
export const OPT_BYTES = 11;
/** What we take ourselves (the DNS flag day of 2020). */
export const MAX_UDP_BYTES = 1_232;
const COOKIE = 10;
const PADDING = 12;
/** What a client takes that says nothing of EDNS. */
const PLAIN_UDP_BYTES = 512;
/** Of the third and fourth byte of a query: that recursion is wished, and that answers need not be checked. */
const RECURSION_DESIRED = 1;
const CHECKING_DISABLED = 0x10;

export interface Asked {
  /** The query as others are asked: without what is between the client and us alone (RFC 7873, RFC 7830). */
  query: Buffer;
  /** Equal for questions with the same answer, in whatever letters they come. */
  key: string;
  /** How long a datagram the client takes. */
  udpBytes: number;
  /** Whether he said so himself, with OPT. */
  edns: boolean;
}

/** What a query asks of others. What is not an ordinary one goes on as it is, and is like no other. */
export function askedOf(query: Buffer): Asked {
  const end = questionEnd(query);
  const asIs: Asked = { query, key: question(query), udpBytes: PLAIN_UDP_BYTES, edns: false };
  const isOrdinary = end > HEADER_BYTES && query.readUInt16BE(4) === 1 && query.readUInt16BE(6) === 0 && query.readUInt16BE(8) === 0;
  if (!isOrdinary) return asIs;
  const words = `${query.readUInt8(2) & RECURSION_DESIRED} ${query.readUInt8(3) & CHECKING_DISABLED} ${query.toString('latin1', HEADER_BYTES, end).toLowerCase()}`;
  const records = query.readUInt16BE(10);
  if (records === 0 && query.length === end) return { query, key: words, udpBytes: PLAIN_UDP_BYTES, edns: false };
  // The root, OPT, the length of datagrams, flags, the length of the options, and these.
  const isOpt = records === 1 && query.length >= end + 11 && query.readUInt8(end) === 0 && query.readUInt16BE(end + 1) === OPT && query.length === end + 11 + query.readUInt16BE(end + 9);
  if (!isOpt) return asIs;
  const options = optionsOf(query, end + 11);
  if (options === undefined) return asIs;
  const kept = Buffer.concat(options.filter(({ code }) => code !== COOKIE && code !== PADDING).map(({ bytes }) => bytes));
  const plain = Buffer.concat([query.subarray(0, end + 11), kept]);
  plain.writeUInt16BE(kept.length, end + 9);
  return { query: plain, key: `${words} ${plain.toString('latin1', end + 5, end + 9)} ${kept.toString('latin1')}`, udpBytes: Math.max(PLAIN_UDP_BYTES, query.readUInt16BE(end + 3)), edns: true };
}

function optionsOf(query: Buffer, start: number): { code: number; bytes: Buffer }[] | undefined {
  const options: { code: number; bytes: Buffer }[] = [];
  for (let at = start; at < query.length;) {
    const next = at + 4 <= query.length ? at + 4 + query.readUInt16BE(at + 2) : Infinity;
    if (next > query.length) return undefined;
    options.push({ code: query.readUInt16BE(at), bytes: query.subarray(at, next) });
    at = next;
  }
  return options;
}

/** The answer as an answer to this query: with its id, and its question as it was written. Both have the same question. */
export function answering(answer: Buffer, query: Buffer): Buffer {
  const copy = Buffer.from(answer);
  query.copy(copy, 0, 0, 2);
  const end = questionEnd(query);
  if (questionEnd(copy) === end) query.copy(copy, HEADER_BYTES, HEADER_BYTES, end);
  return copy;
}

/** What of an answer fits into a datagram for its client: all of it, else as many answers as do, and the mark that there are more over TCP. `edns`: then with OPT, of so many bytes that we take. */
export function fitting(answer: Buffer, udpBytes: number, { edns }: { edns?: number } = {}): Buffer {
  if (answer.length <= udpBytes) return answer;
  const room = udpBytes - (edns === undefined ? 0 : OPT_BYTES);
  let [end, count] = [questionEnd(answer), 0];
  try {
    for (let next = end; count < answer.readUInt16BE(6); end = next, count++) {
      const fixed = skipName(answer, next);
      next = fixed + 10 + answer.readUInt16BE(fixed + 8);
      if (next > room) break;
    }
  } catch {
    [end, count] = [questionEnd(answer), 0]; // malformed
  }
  const short = Buffer.from(answer.subarray(0, end));
  short.writeUInt8(short.readUInt8(2) | 2, 2);
  short.fill(0, 6, HEADER_BYTES);
  short.writeUInt16BE(count, 6);
  return edns === undefined ? short : withEdns(short, edns);
}

/** An answer, and to that question (RFC 5452, section 9.1), in whatever letters; one that refuses may leave the question out. */
export function isAnswerTo(message: Buffer, query: Buffer): boolean {
  if (message.length < HEADER_BYTES || (message.readUInt8(2) & 0x80) === 0) return false;
  if (message.readUInt16BE(4) === 0) return (message.readUInt8(3) & 15) !== 0;
  const asked = (packet: Buffer): string => questionOf(packet).toString('latin1').toLowerCase();
  return asked(message) === asked(query);
}

export function isTruncated(answer: Buffer): boolean {
  return (answer.readUInt8(2) & 2) !== 0;
}
