/** A day of a scaled object as SVG: its load, the band of forecasts, its replicas and those of a HorizontalPodAutoscaler, and its decisions. */
import type { ScalingHistory } from '../../api/autoscaling/predictive-autoscaler.ts';

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [960, 360, 44, 26, 30];

export function renderScaling({ times, load, median, p80, p97, replicas, reactive, limit, decisions, scaleTargetRef }: ScalingHistory): string {
  const [first, last] = [times[0]!, Math.max(times[0]! + 300, times.at(-1)!)];
  const needed = (values: readonly number[]): number[] => values.map((each) => each / limit);
  const most = Math.max(1, ...needed(p97), ...replicas, ...reactive) * 1.05;
  const x = (time: number): string => (LEFT + ((WIDTH - LEFT - 10) * (time - first)) / (last - first)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / most).toFixed(1);
  const line = (values: readonly number[], style: string): string => `<polyline fill="none" ${style} points="${values.map((value, index) => `${x(times[index]!)},${y(value)}`).join(' ')}"/>`;
  const band = [...needed(median).map((value, index) => `${x(times[index]!)},${y(value)}`), ...needed(p97).map((value, index) => `${x(times[index]!)},${y(value)}`).toReversed()];
  const hours = Array.from({ length: 7 }, (_, index) => first + ((last - first) * index) / 6);
  const legend = [['needed now', '#0f172a'], ['forecast, median to 97 %', '#93c5fd'], ['forecast, 80 %', '#2563eb'], ['replicas', '#dc2626'], ['HPA would have', '#94a3b8']] as const;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui" font-size="11" role="img"><title>${escape(`${scaleTargetRef.kind}/${scaleTargetRef.name}`)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${[0, 0.25, 0.5, 0.75, 1].map((part) => `<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y(most * part)}" y2="${y(most * part)}" stroke="#eee"/><text x="4" y="${y(most * part)}">${(most * part).toFixed(1)}</text>`).join('')}
${hours.map((time) => `<text x="${x(time)}" y="${HEIGHT - 8}" text-anchor="middle">${new Date(time * 1_000).toISOString().slice(11, 16)}</text>`).join('')}
<polygon fill="#dbeafe" points="${band.join(' ')}"/>
${line(needed(p80), 'stroke="#2563eb" stroke-dasharray="3 2"')}${line(needed(load), 'stroke="#0f172a"')}${line(reactive, 'stroke="#94a3b8"')}${line(replicas, 'stroke="#dc2626" stroke-width="1.6"')}
${decisions.map(({ time, to, rule, message }) => ({ at: Date.parse(time) / 1_000, to, text: `${rule}: ${message}` })).filter(({ at }) => at >= first && at <= last + 300).map(({ at, to, text }) => `<circle cx="${x(Math.min(at, last))}" cy="${y(to)}" r="3" fill="#dc2626"><title>${escape(text)}</title></circle>`).join('')}
${legend.map(([text, colour], index) => `<rect x="${LEFT + index * 175}" y="8" width="10" height="10" fill="${colour}"/><text x="${LEFT + 14 + index * 175}" y="17">${text}</text>`).join('')}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
