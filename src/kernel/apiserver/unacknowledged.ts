/**
 * Peers that acknowledge nothing any more. What is sent to one who vanished is resent by the kernel for a quarter of an hour, and as long as it is, no
 * probe asks whether he is there. Node has no TCP_USER_TIMEOUT, but the kernel tells of each connection how often it has sent in vain
 * (proc_pid_net(5), Documentation/networking/proc_net_tcp.rst).
 */
import { readFile } from 'node:fs/promises';
import { SocketAddress } from 'node:net';

const FILES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** The peers of a local port, as `address port`, with how often the kernel's timer has sent to them without an answer; those at 0 are left out. */
export async function unacknowledged(port: number): Promise<Map<string, number>> {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  // Local address, remote address and port, state, queues, timer, times resent; only what was resent is looked at.
  const lines = new RegExp(`^ *\\d+: [0-9A-F]+:${local} ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]{2} [0-9A-F]{8}:[0-9A-F]{8} [0-9A-F]{2}:[0-9A-F]{8} (?!0{8})([0-9A-F]{8}) `, 'gm');
  const peers = new Map<string, number>();
  for (const file of FILES) {
    const text = await readFile(file, 'latin1').catch(() => ''); // without IPv6 there is no second one
    for (const [, address = '', remotePort = '', times = ''] of text.matchAll(lines)) peers.set(`${addressOf(address)} ${Number.parseInt(remotePort, 16)}`, Number.parseInt(times, 16));
  }
  return peers;
}

/** An address of words in the order of this machine, which is little-endian wherever Node runs, as sockets name it. */
export function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`);
  return new SocketAddress({ family: 'ipv6', address: groups.join(':').toLowerCase() }).address;
}
