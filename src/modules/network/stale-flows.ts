/**
 * Datagrams have no end of connection: the kernel goes on sending a client's to the endpoint that it had first, as long as they keep
 * coming, though the endpoint is gone. So the flows to endpoints that went are forgotten (upstream: kube-proxy's conntrack cleaning).
 *
 * The same holds for who began before there was anything to be led to: what came to the machine itself, or went past it, goes on doing so.
 *
 * Node has no netlink sockets. The program `conntrack` does it where it is installed, else Perl, which every Debian has.
 */
import { existsSync } from 'node:fs';
import { runAny } from '../../base/sys/run.ts';
import { withPort } from './family.ts';
import type { Collection, Fragment } from './fragment.ts';

const PERL = '/usr/bin/perl';
const FEW = 64;

/**
 * Endpoints that served UDP before and no longer do. One that still serves while it terminates, or that a policy no longer lets anybody choose, keeps
 * its flows, as it keeps its connections of TCP (upstream: CleanStaleEntries). Pure.
 */
export function udpTargetsGone(before: Fragment | undefined, now: Fragment | undefined): string[] {
  return [...(before?.udpServing ?? [])].filter((each) => now?.udpServing.has(each) !== true);
}

export interface WaysFacts {
  /** Of the machine itself, where node ports answer. */
  ownAddresses(): readonly string[];
  /** Whether flows to the address never begin as long as nobody answers there. */
  isRefused(address: string): boolean;
}

/**
 * Addresses of UDP that are answered, or refused, by the rules now and were not before, written as {@link udpTargetsGone} does: who was answered from there
 * himself came before the rules. Pure.
 */
export function udpWaysNew(before: Fragment | undefined, now: Fragment | undefined, { ownAddresses, isRefused }: WaysFacts): string[] {
  const fresh = (...collections: Collection[]): string[][] => {
    const had = new Set(keysOf(before, collections));
    return [...new Set(keysOf(now, collections))].filter((key) => !had.has(key)).map((key) => key.split(' . '));
  };
  const services = fresh('services', 'refused').filter(([address = '', protocol]) => protocol === 'udp' && !isRefused(address)).map(([address = '', , port]) => withPort(address, Number(port)));
  const ports = fresh('nodeports', 'refusedports').filter(([protocol]) => protocol === 'udp').map(([, port]) => Number(port));
  return [...services, ...(ports.length === 0 ? [] : ownAddresses()).flatMap((address) => ports.map((port) => withPort(address, port)))];
}

function keysOf(fragment: Fragment | undefined, collections: readonly Collection[]): string[] {
  return collections.flatMap((each) => [...(fragment?.elements.get(each)?.keys() ?? [])]);
}

/** Forgets the UDP flows that are answered from there. Rejects with why it cannot. */
export async function forgetFlows(targets: readonly string[], programs: { conntrack?: string | undefined } = {}): Promise<void> {
  if (targets.length === 0) return;
  // The program is run once for each.
  if (programs.conntrack !== undefined && (targets.length <= FEW || !existsSync(PERL))) {
    for (const target of targets) {
      const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
      await runAny(programs.conntrack, ['-D', '-f', address.includes(':') ? 'ipv6' : 'ipv4', '-p', 'udp', '--reply-src', address, '--reply-port-src', port]); // code 1: there was none
    }
    return;
  }
  if (!existsSync(PERL)) throw new Error("flows of UDP to endpoints that are gone cannot be forgotten; install the package 'conntrack'");
  const six = targets.filter((each) => each.startsWith('['));
  const four = targets.filter((each) => !each.startsWith('['));
  for (const [family, own] of [['2', four], ['10', six]] as const) {
    if (own.length === 0) continue;
    const { code, stderr } = await runAny(PERL, ['-e', FORGET, family, ...own], { timeoutMs: 10_000 });
    if (code !== 0) throw new Error(`flows of UDP could not be forgotten: ${stderr.trim()}`);
  }
}

/** linux/netfilter/nfnetlink_conntrack.h: lists the flows of a family (type 0x101; AF_INET is 2, AF_INET6 10), and deletes (0x102) by their first tuple those that match. */
const FORGET = String.raw`
use strict;
use Socket qw(inet_pton);
my $family = shift @ARGV;
my $source = $family == 2 ? 1 : 3;
my %gone = map { my ($a, $p) = /^\[?(.*?)\]?:(\d+)$/; (inet_pton($family, $a) . pack('n', $p) => 1) } @ARGV;
socket(my $s, 16, 3, 12) or die "netlink: $!";
sub attributes { my ($d) = @_; my %r; while (length($d) >= 4) { my ($l, $t) = unpack('SS', $d); last if $l < 4; $r{$t & 0x3fff} = substr($d, 4, $l - 4); my $n = ($l + 3) & ~3; $d = $n < length($d) ? substr($d, $n) : ''; } %r }
my $body = pack('CCn', $family, 0, 0);
send($s, pack('LSSLL', 16 + 4, 0x101, 0x301, 1, 0) . $body, 0) or die "list: $!";
my @found;
DUMP: while (1) {
  defined(recv($s, my $data, 1 << 20, 0)) or die "list: $!";
  while (length($data) >= 16) {
    my ($l, $t, $f) = unpack('LSS', $data);
    last DUMP if $t == 3;
    die "list: refused\n" if $t == 2;
    my %a = attributes(substr($data, 20, $l - 20));
    my %reply = attributes($a{2}); my %ip = attributes($reply{1} // ''); my %proto = attributes($reply{2} // '');
    push @found, $a{1} if unpack('C', $proto{1} // "\0") == 17 && $gone{($ip{$source} // '') . ($proto{2} // '')};
    my $n = ($l + 3) & ~3; $data = $n < length($data) ? substr($data, $n) : '';
  }
}
for my $tuple (@found) {
  my $p = $body . pack('SS', 4 + length($tuple), 0x8001) . $tuple;
  send($s, pack('LSSLL', 16 + length($p), 0x102, 0x5, 2, 0) . $p, 0) or die "delete: $!";
  recv($s, my $answer, 1 << 16, 0);
}
`;
