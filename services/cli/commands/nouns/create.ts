import type { Command } from 'commander'
import { addOutOptions, type OutOptions, requirePlace, writeSecret } from '../secrets.ts'
import { addMemberOptions, bodyFrom } from './body.ts'
import { type Noun } from './noun.ts'
import { addExamples, addShownOptions, ask, oneText } from './noun-verb.ts'
import type { Administration, Entity } from './requests.ts'

type Options = OutOptions & { quiet: boolean; idempotencyKey?: string }

/** `token-ledger NOUN create`, of whatever has a name of its own */
export function addCreate(group: Command, noun: Noun): void {
  const { plural, one, example, made } = noun
  const create = group.command('create').description(`make a ${one}`)
  create.argument(made === 'named' ? `<${noun.id}>` : `[${noun.id}]`, made === 'named' ? 'its name' : GENERATED)
  addMemberOptions(addShownOptions(made === 'named' ? create : addKeyOption(create)), noun, 'create')
  const examples = [`${plural} create ${example.name} ${example.create}`, `${plural} create ${example.name} --file -`]
  addExamples(create, examples, 'One that there is already is not changed.').action(
    async (id: string | undefined, { idempotencyKey: key }: Pick<Options, 'idempotencyKey'>, command: Command) => {
      const body = await bodyFrom(command, noun, 'create')
      await ask(command, async (service) => oneText(command, noun, await entityOf(service, noun, { id, body, key })))
    },
  )
}

const GENERATED = 'in no record may it name the person; without it one is generated'

async function entityOf(
  { send, sendOnce }: Administration,
  noun: Noun,
  { id, body, key }: { id: string | undefined; body: Entity; key: string | undefined },
): Promise<Entity> {
  const { pathOf } = await import('./requests.ts')
  if (id === undefined) return sendOnce(pathOf(noun), body, { key, again: `${noun.plural} create` })
  return send(pathOf(noun, id), { method: 'PUT', body, headers: { 'if-none-match': '*' } })
}

/** `token-ledger clients create` */
export function addCreateClient(group: Command, noun: Noun): void {
  const create = group.command('create').description('register a client; its id and secret are generated')
  addMemberOptions(addKeyOption(addOutOptions(addShownOptions(create))), noun, 'create')
  const examples = [`clients create ${noun.example.create}`, 'clients create --client-name app --client-type public']
  addExamples(create, examples, `${SECRET}\n\n${AGAIN}`).action(async (options: Options, command: Command) => {
    const body = await bodyFrom(command, noun, 'create')
    if (options.quiet && options.out === undefined && body['client_type'] !== 'public')
      command.error('error: with --quiet the secret is not printed: say with --out FILE where it goes')
    await ask(command, async ({ sendOnce }) => {
      const again = 'clients create'
      await requirePlace(options)
      const client = await sendOnce('/admin/clients', body, { key: options.idempotencyKey, again })
      return oneText(command, noun, await withoutSecret(client, options))
    })
  })
}

const SECRET =
  'The secret is told this once: printed beside the rest, or written by --out to a file that only you can read.'

const AGAIN =
  'Where the answer is lost it asks again by itself, and makes no second one. --idempotency-key does the same for one ' +
  'run and the next, within a day.'

function addKeyOption(command: Command): Command {
  return command.option('--idempotency-key <key>', 'of a run whose answer was lost: what it made is told again')
}

/** The client without the secret that went to a file. */
async function withoutSecret(client: Entity, { out, force }: OutOptions): Promise<Entity> {
  const { client_secret, ...rest } = client
  if (out === undefined || typeof client_secret !== 'string') return client
  await writeSecret(client_secret, { out, force })
  return rest
}

type Renew = Options & { overlap?: string; ends?: string; ifMatch?: string }

/** `token-ledger clients renew-secret` */
export function addRenewSecret(group: Command, noun: Noun): void {
  const renew = group
    .command('renew-secret')
    .description('give a client a new secret; that of before is valid too for a while')
    .argument('<client_id>')
    .option('--overlap <seconds>', 'how long the secret of before is valid; 0 = it ends at once (default: a day)')
    .option('--ends <which>', 'where two are valid already, which ends now: "previous" or "current"')
    .option('--if-match <revision>', 'only if the client is at this revision')
  addKeyOption(addOutOptions(addShownOptions(renew)))
  const id = noun.example.name
  const examples = [`clients renew-secret ${id} --out new.secret`, `clients renew-secret ${id} --overlap 0 -q`]
  addExamples(renew, examples, `${SECRET} With -q it is printed alone.\n\n${AGAIN}`).action(
    async (client_id: string, options: Renew, command: Command) => {
      const body = renewalFrom(command, options)
      await ask(command, async ({ sendOnce }) => {
        await requirePlace(options)
        const client = await renewed(sendOnce, client_id, { body, options })
        if (options.quiet && options.out === undefined) return `${String(client['client_secret'])}\n`
        return oneText(command, noun, await withoutSecret(client, options))
      })
    },
  )
}

function renewalFrom(command: Command, { overlap, ends }: Renew): Entity {
  if (overlap !== undefined && !/^\d{1,9}$/.test(overlap))
    command.error('error: --overlap must be a whole number of seconds')
  return { ...(overlap !== undefined && { overlap_seconds: Number(overlap) }), ...(ends !== undefined && { ends }) }
}

async function renewed(
  sendOnce: Administration['sendOnce'],
  client_id: string,
  { body, options: { ifMatch, idempotencyKey: key } }: { body: Entity; options: Renew },
): Promise<Entity> {
  const { etagOf } = await import('./requests.ts')
  const again = `clients renew-secret ${client_id}`
  const headers = ifMatch === undefined ? {} : { 'if-match': etagOf(ifMatch) }
  return sendOnce(`/admin/clients/${encodeURIComponent(client_id)}/secret`, body, { key, headers, again })
}
