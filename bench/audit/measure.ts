import Table from 'cli-table3'
import type { Audited, AuditOrder } from './auditor.ts'
import { ask, type Measured, measureRefresh, type Round, type Subject, WARM_MS } from '../subject.ts'
import type { CpuSeconds } from '../cpu.ts'

/** How fast a verification is beside a bare fold of the same log, and a refresh beside a running verification. */
export type VerifyMeasured = { fold: Audited; verify: Audited; alone: Measured; beside: Measured }

const ONCE = { ms: 0 }

/** Measures both on what the log of the subject holds by now. */
export async function measureVerify(
  subject: Subject,
  round: Round,
  spent: () => Promise<CpuSeconds>,
): Promise<VerifyMeasured> {
  const { env } = subject
  const audit = (order: Omit<AuditOrder, 'env'>) => ask<Audited>('audit/auditor.ts', { env, ...order })
  const fold = await audit({ what: 'fold', ...ONCE })
  const verify = await audit({ what: 'verify', ...ONCE })
  const alone = await measureRefresh(subject, round, spent)
  const running = audit({ what: 'verify', ms: round.measureMs + WARM_MS })
  const beside = await measureRefresh(subject, round, spent)
  await running
  return { fold, verify, alone, beside }
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
