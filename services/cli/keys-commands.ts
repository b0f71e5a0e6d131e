import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { deriveKeys, formatCheckSecrets } from '../../shared/tokens/keys.ts'
import { createLogger } from './logger.ts'
import { ledgerIdOf } from './migrate.ts'
import { openParts } from './open-parts.ts'

const SECRET_BYTES = 32

/** `token-ledger keys generate | derive check` */
export function addKeysCommands(program: Command): void {
  const keys = program.command('keys').description('make and derive the secrets that tokens are made with')
  keys
    .command('generate')
    .description('print a new entry for LEDGER_SECRETS_SYSTEM')
    .option('--kid <number>', 'its key id, 1 to 255', '1')
    .addHelpText(
      'after',
      '\nRotation: put the new entry second everywhere, restart, then put it first.\n\nExample:\n  token-ledger keys generate --kid 2',
    )
    .action(({ kid }: { kid: string }) => {
      if (!/^[1-9]\d{0,2}$/.test(kid) || Number(kid) > 255)
        keys.error('--kid must be a whole number from 1 to 255', { exitCode: 2 })
      process.stdout.write(`${kid}:${randomBytes(SECRET_BYTES).toString('base64')}\n`)
    })
  keys
    .command('derive')
    .argument('<service>', 'check')
    .description('print LEDGER_SECRETS_CHECK: the subkeys that a token-check process needs, and no more')
    .action(async (service: string) => {
      if (service !== 'check') keys.error('only "keys derive check" exists', { exitCode: 2 })
      process.stdout.write(`${await deriveCheck()}\n`)
    })
}

async function deriveCheck(): Promise<string> {
  const settings = loadSettings(process.env)
  const parts = await openParts(settings, createLogger(settings))
  try {
    const secrets = settings.SECRETS_SYSTEM
    if (!secrets) throw new Error('LEDGER_SECRETS_SYSTEM is not set')
    return formatCheckSecrets(deriveKeys(secrets, await ledgerIdOf(parts.knex)))
  } finally {
    await parts.close()
  }
}
