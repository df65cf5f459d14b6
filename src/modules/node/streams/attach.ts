/** `pods/NAME/attach`: joins the standard streams of the container's own process, as its monitor keeps them. */
import { queryFlag } from '../../../api/query-flag.ts';
import { start } from '../../../base/sys/run.ts';
import type { Route } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import { tellMonitor } from '../runtime/tell-monitor.ts';
import { bridge } from './bridge.ts';
import { acceptCommand } from './command-channels.ts';
import { runningContainer } from './target.ts';
import { failureStatus } from './web-socket.ts';

/**
 * The monitor's socket keeps message boundaries (SOCK_SEQPACKET), which Node cannot open; the machine's perl can.
 * Each message begins with 2 for standard output or 3 for standard error. The folder is entered since socket paths are short. Ends with ENDED when the container did so
 * meanwhile, or before it said anything to who had just come: clients look into its log then.
 */
const SEQPACKET_BRIDGE = `
use Socket;
use Time::HiRes 'time';
chdir $ARGV[0] or exit 75;
socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "attach: $!\\n";
connect($s, sockaddr_un("attach")) or exit 75;
my ($open, $came, $said) = (1, time, 0);
while (1) {
  my $r = ""; vec($r, fileno($s), 1) = 1; vec($r, 0, 1) = 1 if $open;
  select($r, undef, undef, undef);
  if (vec($r, fileno($s), 1)) { my $n = sysread($s, my $b, 65536); last unless $n; $said = 1; my $o = ord($b) == 3 ? 2 : 1; open(my $h, ">&=", $o); syswrite($h, substr($b, 1)); }
  if ($open && vec($r, 0, 1)) { my $n = sysread(STDIN, my $b, 8192); if ($n) { syswrite($s, $b) } else { $open = 0; shutdown($s, 1) } }
}
exit 75 if !$said && time - $came < 1;
`;

const ENDED = 75;

export function attachRoute(agent: Agent): Route {
  return {
    kind: PodKind, subresource: 'attach', methods: ['GET', 'POST'],
    async handle(request) {
      const record = runningContainer(agent, request);
      const query = request.url.searchParams;
      const flag = (name: string): boolean => queryFlag(query, name);
      const channels = await acceptCommand(request, { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr'), tty: record.tty });
      const child = start('perl', ['-e', SEQPACKET_BRIDGE, record.bundle], { stdio: ['pipe', 'pipe', 'pipe'] });
      await bridge(child, channels, {
        stdin: flag('stdin') && record.stdin, keepStdin: true, stdout: flag('stdout'), stderr: flag('stderr') && !record.tty,
        resize: async ({ Width, Height }) => void tellMonitor(record.bundle, `1 ${Height} ${Width}`),
        status: (code) => (code === ENDED ? failureStatus(`container ${record.name} of pod ${record.pod.name} is not running`) : { metadata: {}, status: 'Success' }), abandoned: () => void child.kill('SIGKILL'),
      });
    },
  };
}
