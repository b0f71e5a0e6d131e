import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import type { Connected } from '../../connect/service-access.ts'
import type { Format } from '../../render/formats.ts'
import { EXIT_CODES, formatOption, print, work } from '../verb.ts'

/** `token-ledger projection sweep` */
export function addSweep(projection: Command): void {
  projection
    .command('sweep')
    .description('remove now what the projector removes by itself: tokens and grants that have been dead for an hour')
    .option('--max-rows <number>', 'how many tokens to remove at the most; 0 = all', '0')
    .addOption(formatOption())
    .addHelpText('after', HELP)
    .action(async ({ maxRows, format }: { maxRows: string; format: Format }, command: Command) => {
      if (!/^\d{1,9}$/.test(maxRows)) command.error('error: --max-rows must be a whole number')
      const { renderSwept } = await import('../../render/projection.ts')
      await work(command, connect, async (sweep) => {
        await print(renderSwept(await sweep(Number(maxRows)), format))
        return true
      })
    })
}

const HELP = `
The log keeps everything, so that "projection verify" finds the read model equal afterwards. In small batches, so that it
may take minutes and slows nobody. May be stopped and repeated.

Example:
  ${ownCommand()} projection sweep --max-rows 10000

${EXIT_CODES}`

/** Removes what has been dead for an hour, this many tokens at most (0 = all), and tells how many it removed. */
type Sweep = (maxRows: number) => Promise<number>

const PATH = '/invoke/pub.oauth/removeExpiredAccessTokens'

// The service at LEDGER_ADMIN_URL, which asks for an administrator's rights; in dev mode the one that runs here; else
// the read model itself.
async function connect(): Promise<Connected<Sweep>> {
  const { serviceAccess } = await import('../../connect/find-service.ts')
  const access = await serviceAccess(process.env)
  if (!access) return connectDirectly()
  const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
  const request = serviceRequests(access, 'ledger.admin')
  const source: Sweep = async (maxRows) => {
    const response = await request(PATH, { method: 'POST', body: { maxRows } })
    return (await jsonOf<{ removedTokensCount: number }>(response)).removedTokensCount
  }
  return { source, close: () => Promise.resolve() }
}

async function connectDirectly(): Promise<Connected<Sweep>> {
  const { connectParts } = await import('../../connect/audit.ts')
  const { sweepNow } = await import('../../../../shared/read-model/projection/sweep-now.ts')
  const { source, close } = await connectParts()
  return { source: (maxRows) => sweepNow(source, maxRows, () => undefined), close }
}
