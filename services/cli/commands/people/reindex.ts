import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { connectHost, EXIT_CODES, reasonFrom, print, work } from '../verb.ts'

/** `token-ledger users reindex` */
export function addReindex(users: Command): void {
  users
    .command('reindex')
    .description('write users again whose name has the index of a name key that is lost; on the host only')
    .requiredOption('--reason <text>', 'why, for auditors')
    .addHelpText('after', REINDEX_HELP)
    .action(async ({ reason }: { reason: string }, command: Command) => {
      const text = reasonFrom(command, reason)
      const { createProgress } = await import('../../render/progress.ts')
      const { reindexUsers } = await import('../../../admin/people/reindex.ts')
      await work(command, connectHost, async ({ parts, settings }) => {
        const { update: progress, stop } = createProgress(process.stderr)
        const { done, left, unlinked } = await reindexUsers(parts, settings, { reason: text, progress }).finally(stop)
        for (const sub of left)
          process.stderr.write(`${sub}: the name cannot be read, or is taken: put the user again\n`)
        for (const sub of unlinked)
          process.stderr.write(`${sub}: signs in with no account elsewhere any more: link it again\n`)
        await print(`${done} written again, ${left.length} left\n`)
        return left.length === 0
      })
    })
}

const REINDEX_HELP = `
Makes the key anew that keeps names of users unique, where it is lost. May be
repeated, while all is served. In dev mode stop "serve" first.

Example:
  ${ownCommand()} users reindex --reason "lost in a failover"

${EXIT_CODES}`
