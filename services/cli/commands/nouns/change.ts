import type { Command } from 'commander'
import { OperatorError } from '../../../../shared/config/operator-error.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { formatOption, reasonFrom } from '../verb.ts'
import { addMemberOptions, bodyFrom } from './body.ts'
import type { Noun } from './noun.ts'
import { addExamples, addShownOptions, ask, oneText } from './noun-verb.ts'

/** `token-ledger NOUN update` */
export function addUpdate(group: Command, noun: Noun): void {
  const { plural, one, example } = noun
  const update = group.command('update').description(`change what is said of a ${one}; all else stays as it is`)
  update.argument(`<${noun.id}>`)
  addMemberOptions(addMatchOption(addShownOptions(update)), noun, 'update')
  const examples = [
    `${plural} update ${example.name} ${example.update}`,
    `${plural} update ${example.name} --file changed.json`,
  ]
  addExamples(update, examples, WHOLE).action(
    async (id: string, { ifMatch }: { ifMatch?: string }, command: Command) => {
      const { revision, ...body } = await bodyFrom(command, noun, 'update')
      const given = ifMatch ?? (revision === undefined ? undefined : JSON.stringify(revision))
      await ask(command, async ({ sendFor }) => {
        return oneText(command, noun, await sendFor({ noun, id, given }, { method: 'PATCH', body }))
      })
    },
  )
}

const WHOLE =
  'A list is given whole. A file that "get" wrote has the revision in it, and changes that one only; --if-match says it ' +
  'too. Else what is there is read first, and what somebody changes meanwhile is not overwritten.'

/** The revision that a change or an end is meant for. */
function addMatchOption(command: Command): Command {
  return command.option('--if-match <revision>', 'only if it is at this revision')
}

/** `token-ledger NOUN enable` and `disable` */
export function addEnabling(group: Command, noun: Noun): void {
  const { plural, one, id, example } = noun
  for (const [verb, enabled, description] of [
    ['enable', true, `let a ${one} in again that was disabled`],
    ['disable', false, `refuse all of a ${one} until it is enabled again; nothing ends`],
  ] as const) {
    const command = addMatchOption(addShownOptions(group.command(verb).description(description).argument(`<${id}>`)))
    addExamples(command, [`${plural} ${verb} ${example.name}`]).action(
      async (name: string, { ifMatch: given }: { ifMatch?: string }, own: Command) => {
        await ask(own, async ({ sendFor }) => {
          return oneText(own, noun, await sendFor({ noun, id: name, given }, { method: 'PATCH', body: { enabled } }))
        })
      },
    )
  }
}

type Delete = { yes: boolean; quiet: boolean; ifMatch?: string; format: Format }

/** `token-ledger NOUN delete` */
export function addDelete(group: Command, noun: Noun, about: string): void {
  const { plural, one, id, example } = noun
  const command = group
    .command('delete')
    .description(`delete a ${one}`)
    .argument(`<${id}>`)
    .option('--yes', 'ask nothing; needed where nobody can be asked', false)
    .option('-q, --quiet', 'print the id alone', false)
  addMatchOption(command).addOption(formatOption())
  addExamples(command, [`${plural} delete ${example.name}`, `${plural} delete ${example.name} --yes`], about).action(
    async (name: string, options: Delete, own: Command) => {
      if (!options.yes && !(await isConfirmed(own, `Delete ${one} ${name}?`)))
        throw new OperatorError('nothing was deleted')
      await ask(own, async ({ sendFor }) => {
        await sendFor({ noun, id: name, given: options.ifMatch }, { method: 'DELETE' })
        if (options.quiet) return `${name}\n`
        if (options.format === 'table') return `${one} ${name}: deleted\n`
        return dataText({ [id]: name, deleted: true }, options.format)
      })
    },
  )
}

/** Whether whoever sits at the terminal says yes; where nobody does, the command ends as wrong usage. */
async function isConfirmed(command: Command, question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) command.error('error: say --yes: nobody can be asked here')
  const { createInterface } = await import('node:readline/promises')
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `).finally(() => asking.close())).trim())
}

type Revoke = { reason: string; format: Format }

/** `token-ledger NOUN revoke-all` */
export function addRevokeAll(group: Command, { plural, one, id, example }: Noun): void {
  const command = group
    .command('revoke-all')
    .description(`end all grants of a ${one} up to now`)
    .argument(`<${id}>`)
    .requiredOption('--reason <text>', 'why, for auditors')
    .addOption(formatOption())
  addExamples(command, [`${plural} revoke-all ${example.name} --reason "a laptop was stolen"`]).action(
    async (name: string, { reason: text, format }: Revoke, own: Command) => {
      const reason = reasonFrom(own, text)
      await ask(own, async ({ send }) => {
        const path = `/admin/${plural}/${encodeURIComponent(name)}/revoke-all`
        const told = { [id]: name, ...(await send(path, { method: 'POST', body: { reason } })) }
        return format === 'table' ? `${one} ${name}: all grants up to now are ended\n` : dataText(told, format)
      })
    },
  )
}
