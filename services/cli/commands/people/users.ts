import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { OperatorError } from '../../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import type { ServiceAccess } from '../../connect/service-access.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { addExport } from './export.ts'
import { addExternal } from './external.ts'
import { addForgotten } from './forgotten.ts'
import { addPassword } from './password.ts'
import { addPasswordLink } from './password-link.ts'
import { addReindex } from './reindex.ts'
import { connectService, EXIT_CODES, formatOption, print, reasonFrom, work } from '../verb.ts'

type Forget = { reason: string; from?: string; format: Format }

/** `token-ledger users forget | password | password-link | link | unlink | reindex | forgotten | export` */
export function addUsersCommands(program: Command): void {
  const users = program.command('users').description('people: who they are, which groups they are in; forget one')
  users
    .command('forget')
    .argument('[sub]', 'of the person')
    .description('forget a person for ever: end the grants, and delete the key and all that names the person')
    .requiredOption('--reason <text>', 'why, for auditors: name nobody in it')
    .option('--from <file>', 'instead of one: each sub in this file, one a line')
    .addOption(formatOption())
    .addHelpText('after', FORGET_HELP)
    .action(async (sub: string | undefined, { reason: text, from, format }: Forget, command: Command) => {
      const reason = reasonFrom(command, text)
      if ((sub === undefined) === (from === undefined)) command.error('error: give either a sub, or --from FILE')
      await work(command, connectService, (access) => {
        const asked = { reason, format }
        return sub === undefined ? forgetAll(access, from ?? '', asked) : forgetOne(access, sub, asked)
      })
    })
  addPassword(users)
  addExternal(users)
  addPasswordLink(users)
  addReindex(users)
  addForgotten(users)
  addExport(users)
}

const FORGET_HELP = `
Cannot be taken back: the sub is never used again. When it ends with 0, nobody can read any more what named the person.
What stays is said in docs/people.md. Asks the service at LEDGER_ADMIN_URL, in dev mode the one that runs here.

After a backup was restored that has the log as well: --from FILE, with the list that "users forgotten" wrote. May be
repeated, and cut short: whoever was forgotten before stays so. A sub that nobody has is told, and is no problem.

Examples:
  ${ownCommand()} users forget 4f2c --reason "asked for it"
  ${ownCommand()} users forget --from forgotten.txt --reason "a restore"

${EXIT_CODES}`

type Asked = Pick<Forget, 'reason' | 'format'>

async function forgetOne(access: ServiceAccess, sub: string, { reason, format }: Asked): Promise<boolean> {
  for await (const outcome of forgetEach(access, [sub], reason)) {
    if (outcome === 'unknown') throw new OperatorError(`nobody ever had the sub ${sub}`)
    await print(format === 'table' ? `${sub}: forgotten\n` : dataText({ sub, forgotten: true }, format))
  }
  return true
}

async function forgetAll(access: ServiceAccess, file: string, { reason, format }: Asked): Promise<boolean> {
  const { systemReason } = await import('../../../../shared/config/secret-file.ts')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OperatorError(`--from: ${file} cannot be read: ${systemReason(cause)}`, { cause })
  })
  const subs = [...new Set(text.split('\n').map((line) => line.trim()))].filter((sub) => sub !== '')
  const { createProgress } = await import('../../render/progress.ts')
  const { update, stop } = createProgress(process.stderr)
  const unknown: string[] = []
  let done = 0
  try {
    for await (const outcome of forgetEach(access, subs, reason)) {
      if (outcome === 'unknown') unknown.push(subs[done] ?? '')
      update(++done, subs.length, 'people')
    }
  } finally {
    stop()
    for (const sub of unknown) process.stderr.write(`${sub}: nobody ever had it here\n`)
  }
  const counted = { forgotten: done - unknown.length, unknown: unknown.length }
  await print(
    format === 'table' ? `${counted.forgotten} forgotten, ${counted.unknown} unknown\n` : dataText(counted, format),
  )
  return true
}

/** What became of each; there is nothing to forget of an `unknown` sub, which nobody ever had. */
async function* forgetEach(
  access: ServiceAccess,
  subs: string[],
  reason: string,
): AsyncGenerator<'forgotten' | 'unknown'> {
  const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
  const { NO_SUCH_USER } = await import('../../../admin/registry/forget.ts')
  const request = serviceRequests(access, 'ledger.admin')
  for (const sub of subs) {
    const response = await request(`/admin/users/${encodeURIComponent(sub)}/forget`, {
      method: 'POST',
      body: { reason },
    })
    const isUnknown = response.status === 404 && (await response.clone().text()).includes(NO_SUCH_USER)
    if (!isUnknown) await jsonOf(response)
    yield isUnknown ? 'unknown' : 'forgotten'
  }
}
