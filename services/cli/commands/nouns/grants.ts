import type { Command } from 'commander'
import { grantOf } from '../../oauth-client/grant-of.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { addOutOptions, type OutOptions, requirePlace, writeSecret } from '../secrets.ts'
import { formatOption, reasonFrom } from '../verb.ts'
import type { Noun } from './noun.ts'
import { addExamples, ask } from './noun-verb.ts'
import { addReadVerbs } from './read.ts'

const STATUSES = ['authorized', 'live', 'disabled', 'expired', 'ended', 'revoked']

const GRANTS: Noun = {
  plural: 'grants',
  one: 'grant',
  id: 'grant_id',
  made: 'unnamed',
  members: [],
  shownOnly: [],
  filters: [
    { name: 'client_id', type: 'text', about: 'only of this client', option: 'client' },
    { name: 'sub', type: 'text', about: 'only of this user', option: 'user' },
    { name: 'status', type: 'text', about: 'only those that stand so', choices: STATUSES },
    { name: 'grant_type', type: 'text', about: 'only those that were begun so' },
  ],
  columns: ['grant_id', 'client_id', 'sub', 'status', 'scope'],
  wide: ['grant_type', 'reason', 'at'],
  example: { name: '$GRANT_ID', create: '', update: '', list: '--user 4f2c --status live' },
}

/** `token-ledger grants create | authorize | list | get | revoke` */
export function addGrants(group: Command): void {
  addIssue(group)
  addAuthorize(group)
  addReadVerbs(group, GRANTS)
  addRevoke(group)
}

type Issue = OutOptions & { client: string; user: string; scope?: string; format: Format }

function addIssue(group: Command): void {
  const create = addOutOptions(group.command('create'))
    .description('give a client its first tokens for a user')
    .requiredOption('--client <client_id>', 'the client')
    .requiredOption('--user <sub>', 'the user')
    .option('--scope <text>', "what they may have, with spaces; default: all of the client's")
    .addOption(formatOption())
  const examples = ['grants create --client demo-orders --user 4f2c --out bob.json']
  addExamples(create, examples, TOKENS).action(async (options: Issue, command: Command) => {
    const { client: client_id, user: sub, scope, format, out, force } = options
    await ask(command, async ({ send }) => {
      await requirePlace(options)
      const tokens = await send('/admin/grants', { method: 'POST', body: { client_id, sub, scope } })
      if (out !== undefined) await writeSecret(JSON.stringify(tokens), { out, force })
      const { access_token, refresh_token, ...told } = tokens
      const secret = out === undefined ? { access_token, refresh_token } : {}
      const shown = { grant_id: grantOf(access_token), client_id, sub, ...told, ...secret }
      const lines = Object.entries(shown).filter(([, value]) => value !== undefined)
      return format === 'table'
        ? lines.map(([name, value]) => `${name}: ${String(value)}\n`).join('')
        : dataText(shown, format)
    })
  })
}

type Authorize = Pick<Issue, 'client' | 'user' | 'scope' | 'format'> & {
  redirectUri?: string
  codeChallenge?: string
  codeChallengeMethod?: string
}

function addAuthorize(group: Command): void {
  const authorize = group
    .command('authorize')
    .description('authorize a client for a user, who is not asked: prints the code that the client exchanges')
    .requiredOption('--client <client_id>', 'the client')
    .requiredOption('--user <sub>', 'the user')
    .option('--scope <text>', "what it may have, with spaces; default: all of the client's")
    .option('--redirect-uri <uri>', 'where the code goes; default: the only one that the client has registered')
    .option('--code-challenge <text>', 'of the code_verifier that the client will send (RFC 7636)')
    .option('--code-challenge-method <method>', 'how it was made of it: S256')
    .addOption(formatOption())
  const examples = ['grants authorize --client demo-orders --user 4f2c']
  addExamples(authorize, examples).action(async (options: Authorize, command: Command) => {
    const { client: client_id, user: sub, scope, redirectUri: redirect_uri, format } = options
    const { codeChallenge: code_challenge, codeChallengeMethod: code_challenge_method } = options
    const body = { client_id, sub, scope, redirect_uri, code_challenge, code_challenge_method }
    await ask(command, async ({ send }) => {
      const told = await send('/admin/authorizations', { method: 'POST', body })
      const lines = Object.entries(told).map(([name, value]) => `${name}: ${String(value)}\n`)
      return format === 'table' ? lines.join('') : dataText(told, format)
    })
  })
}

const TOKENS = 'The tokens are told this once: printed, or written by --out as JSON to a file that only you can read.'

type Revoke = { reason: string; format: Format }

function addRevoke(group: Command): void {
  const revoke = group
    .command('revoke')
    .alias('delete')
    .description('end a grant: all of its tokens, at once and for ever')
    .argument('<grant_id>')
    .requiredOption('--reason <text>', 'why, for auditors')
    .addOption(formatOption())
  const examples = [`grants revoke ${GRANTS.example.name} --reason "left the company"`]
  addExamples(revoke, examples).action(async (grant_id: string, { reason: text, format }: Revoke, command: Command) => {
    const reason = reasonFrom(command, text)
    await ask(command, async ({ send }) => {
      const path = `/admin/grants/${encodeURIComponent(grant_id)}/revoke`
      const told = await send(path, { method: 'POST', body: { reason } })
      return format === 'table' ? `grant ${grant_id}: ${String(told['status'])}\n` : dataText(told, format)
    })
  })
}
