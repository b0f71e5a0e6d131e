import Table from 'cli-table3'
import type { Audited, AuditOrder } from './auditor.ts'
import { ask, type Measured, measureRefresh, type Round, type Subject, WARM_MS } from '../subject.ts'
import type { CpuSeconds } from '../cpu.ts'

/** How fast a verification is beside a bare fold of the same log, and a refresh beside a running verification. */
export type VerifyMeasured = { fold: Audited; verify: Audited; alone: Measured; beside: Measured }

const ONCE = { ms: 0 }
/** Grants that are issued first, so that a verification has something to do. */
const GRANTS = 20_000
const AT_ONCE = 2_000

/** Measures both on what the log of the subject holds by now; refreshes in turn without and beside, the median each. */
export async function measureVerify(
  subject: Subject,
  { rounds, ...round }: Round & { rounds: number },
  spent: () => Promise<CpuSeconds>,
): Promise<VerifyMeasured> {
  const audit = (order: Omit<AuditOrder, 'env'>) => ask<Audited>('audit/auditor.ts', { env: subject.env, ...order })
  for (let issued = 0; issued < GRANTS; issued += AT_ONCE) await subject.grants(AT_ONCE)
  const fold = await audit({ what: 'fold', ...ONCE })
  const verify = await audit({ what: 'verify', ...ONCE })
  const [alone, beside]: [Measured[], Measured[]] = [[], []]
  for (let n = 0; n < rounds; n++) {
    alone.push(await measureRefresh(subject, round, spent))
    const running = audit({ what: 'verify', ms: round.measureMs + WARM_MS })
    beside.push(await measureRefresh(subject, round, spent))
    await running
  }
  return { fold, verify, alone: middle(alone), beside: middle(beside) }
}

function middle(measured: Measured[]): Measured {
  const sorted = [...measured].sort((a, b) => a.p95 - b.p95)
  const found = sorted[Math.floor(sorted.length / 2)]
  if (!found) throw new Error('no round was measured')
  return found
}

/** The figures as a table. */
export function renderVerify({ fold, verify, alone, beside }: VerifyMeasured): string {
  const table = new Table({ style: { head: [], border: [] } })
  const rate = ({ events, seconds }: Audited) => events / seconds
  const times = ({ p50, p95, p99 }: Measured) => [p50, p95, p99].map((value) => value.toFixed(0)).join(' / ')
  table.push(
    ['events in the log', String(verify.events)],
    ['fold alone, events/s', rate(fold).toFixed(0)],
    ['verify, events/s', rate(verify).toFixed(0)],
    ['  of the fold', `${((100 * rate(verify)) / rate(fold)).toFixed(0)} %`],
    ['fold / verify, peak RSS MB', [fold, verify].map(({ peakMb }) => peakMb.toFixed(0)).join(' / ')],
    ['refresh alone, p50 / p95 / p99 ms', times(alone)],
    ['refresh beside verify, p50 / p95 / p99 ms', times(beside)],
    ['  p95 beside, of alone', (beside.p95 / alone.p95).toFixed(2)],
    ['failures alone / beside', `${alone.failures} / ${beside.failures}`],
  )
  return table.toString()
}
