import type { Command } from 'commander'
import { generateClientSecret } from '../../../shared/tokens/client-secret.ts'
import { addOutOptions, giveSecret, type OutOptions } from './private-file.ts'

/** `token-ledger secrets generate` */
export function addSecretsCommands(program: Command): void {
  const secrets = program.command('secrets').description('make a secret for a client or a database')
  addOutOptions(secrets.command('generate'))
    .description('make a secret of 256 random bits, for LEDGER_BOOTSTRAP_CLIENT_SECRET_FILE or a database')
    .addHelpText('after', '\nExample:\n  token-ledger secrets generate --out bootstrap.secret')
    .action((options: OutOptions) => giveSecret(generateClientSecret(), options))
}
