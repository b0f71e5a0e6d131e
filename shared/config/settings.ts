import { z } from 'zod'
import { MAX_GRACE_SECONDS } from '../ledger/grant/times.ts'
import { PAGES_SETTINGS } from '../appearance/pages-settings.ts'
import { LOGIN_SETTINGS } from './groups/login-settings.ts'
import { PARTS_SETTINGS, secret } from './groups/parts-settings.ts'
import { UPSTREAM_SETTINGS } from './groups/provider-settings.ts'
import * as form from './values.ts'

export const PREFIX = 'LEDGER_'

/**
 * Every setting, by its name without LEDGER_. docs/settings.md is made from this. `prefault` is the default in the
 * form in which it would be written.
 */
export const settingsSchema = z.object({
  ISSUER: form.issuer.describe('Issuer identifier (RFC 8414), the public URL of the service'),
  SERVICE_DOCUMENTATION: form.webPage
    .optional()
    .describe('Page for developers, told in the metadata (`service_documentation`, RFC 8414) and at `/`'),
  ...PARTS_SETTINGS,
  READ_MODEL: form.readModelSchema
    .optional()
    .describe(
      'Database schema of the read model that this process reads; without it, the one that `projection switch` chose',
    ),
  SECRETS_SYSTEM: form.secrets
    .optional()
    .meta(
      secret('`kid:base64,kid:base64`: 32 or more random bytes each, the first is current. Required outside dev mode'),
    ),
  SECRETS_CHECK: form.checkSecrets
    .optional()
    .meta(secret('For token-check alone, instead of `LEDGER_SECRETS_SYSTEM`: what `keys derive check` prints')),
  SECRETS_PROJECT: form.projectSecrets
    .optional()
    .meta(secret('For the projector alone, instead of `LEDGER_SECRETS_SYSTEM`: what `keys derive project` prints')),
  SUB_MAY_BE_ADDRESS: form.flag
    .prefault('false')
    .describe('`true`: a `sub` may be a mail address, for a ledger that has such ones already. It cannot be forgotten'),
  SERVE_PUBLIC_HOST: z.string().prefault('0.0.0.0').describe('Address that the public port is bound to'),
  SERVE_PUBLIC_PORT: form.port.prefault('4444').describe('Public port'),
  SERVE_ADMIN_HOST: z.string().prefault('127.0.0.1').describe('Address that the admin port is bound to'),
  SERVE_ADMIN_PORT: form.port.prefault('4445').describe('Admin port'),
  TLS_CERTIFICATE: z
    .string()
    .optional()
    .describe('Path of a PEM file with our certificate and those up to its CA, to [speak TLS ourselves](https.md)'),
  TLS_KEY: z.string().optional().describe('Path of a PEM file with the private key of that certificate'),
  REQUIRE_HTTPS: form.flag.prefault('true').describe('Refuse requests that came over plain HTTP'),
  REQUIRE_POST: form.flag
    .prefault('true')
    .describe('`false`: the `/invoke` names take GET too, with parameters and tokens in the query, never a secret'),
  TRUSTED_PROXIES: form.proxies
    .default([])
    .describe(
      'Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or networks, separated by commas',
    ),
  ADDRESS_FAILURES: form
    .whole(20, 1_000_000)
    .prefault('100')
    .describe(
      'Wrong secrets a minute from one address that are heard, and wrong passwords, [then 429](failed-attempts.md); more where many share one',
    ),
  ACCESS_TOKEN_LIFETIME: form.lifetime
    .prefault('3600')
    .describe('Seconds an access token lives, or `never`; a client may have its own'),
  REFRESH_TOKEN_LIFETIME: form.lifetime
    .prefault('2592000')
    .describe('Seconds an unused refresh token lives (each refresh starts the time again), or `never`'),
  REFRESH_TOKEN_ABSOLUTE_LIFETIME: form.lifetime
    .prefault('31536000')
    .describe('Seconds after which a grant ends however often it was refreshed, or `never`'),
  REFRESH_GRACE_CONFIDENTIAL: form
    .whole(0, MAX_GRACE_SECONDS)
    .prefault('30')
    .describe(
      'Seconds in which a spent refresh token gives the same pair again: 0, or above `LEDGER_APPEND_TIMEOUT` + 1',
    ),
  REFRESH_GRACE_PUBLIC: form
    .whole(0, MAX_GRACE_SECONDS)
    .prefault('10')
    .describe('The same for public clients; the setting above is for confidential ones'),
  AUTHORIZATION_CODE_LIFETIME: form
    .whole(1, 3600)
    .prefault('600')
    .describe('Seconds in which a code can be exchanged; a minute is enough for most clients'),
  SESSION_IDLE: form
    .whole(60, 31_536_000)
    .prefault('28800')
    .describe('Seconds after which a person who uses no page is [logged out](accounts.md#sessions)'),
  SESSION_LIFETIME: form
    .whole(60, 31_536_000)
    .prefault('2592000')
    .describe('Seconds after which a person logs in again however much the session is used'),
  NOTIFY_URL: form.webHook
    .optional()
    .describe('Where [links to set a password](accounts.md#links) are posted to, for a mailer of yours'),
  NOTIFY_SECRET: z
    .string()
    .regex(/^[\w-]{32,}$/, 'must be at least 32 characters of A-Z a-z 0-9 _ -')
    .optional()
    .meta(secret('Sent to `LEDGER_NOTIFY_URL` as a bearer, so that it knows us')),
  REQUIRE_PKCE: form.flag
    .prefault('false')
    .describe('`true`: every client must send a `code_challenge` (RFC 7636). Public clients always must'),
  ALLOW_PLAIN_PKCE: form.flag
    .prefault('false')
    .describe('`true`: `code_challenge_method=plain` is taken too, for clients that cannot hash. Else only `S256`'),
  APPEND_TIMEOUT: form
    .seconds(0.1, 60)
    .prefault('5')
    .describe('Seconds to wait for an event to be durable and projected, then 503'),
  MAX_LAG: form.seconds(0.1, 3600).prefault('5').describe('Seconds the read model may lag before a refresh gets 503'),
  CHECK_MAX_LAG: form
    .seconds(0.1, 86_400)
    .prefault('300')
    .describe('Seconds the read model may lag before checks and introspection get 503'),
  MAX_CLOCK_SKEW: form
    .seconds(0.1, 60)
    .prefault('5')
    .describe('Seconds that the clocks of process, log and database may be apart before the process is not ready'),
  SWEEP_INTERVAL: form
    .whole(0, 86_400)
    .prefault('60')
    .describe('Seconds between two rounds of the projector that remove what has been dead for an hour; 0 = never'),
  BOOTSTRAP_CLIENT_ID: form.clientId
    .optional()
    .describe('Client that `migrate` makes an administrator while nobody can act as one'),
  BOOTSTRAP_CLIENT_SECRET: form.clientSecret
    .optional()
    .meta(secret('Secret of that client: 43 or more random characters of `A-Za-z0-9_-`')),
  ...PAGES_SETTINGS,
  ...LOGIN_SETTINGS,
  ...UPSTREAM_SETTINGS,
  DATA_DIR: z.string().prefault('.ledger').describe('Dev mode: the folder of the database and the secrets'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      form.oneOf('trace, debug, info, warn, error or silent'),
    )
    .prefault('info')
    .describe('`trace`, `debug`, `info`, `warn`, `error` or `silent`'),
})

/** All settings, parsed. Times are in seconds. Holds secrets: never log it. */
export type Settings = z.output<typeof settingsSchema> & {
  /** Neither database nor brokers: everything embedded, on loopback only. */
  dev: boolean
}

export type SettingName = keyof typeof settingsSchema.shape

export const SETTING_NAMES = Object.keys(settingsSchema.shape).filter(isSettingName)

/** In dev mode these take the place of the defaults. */
export function devDefaults({
  SERVE_PUBLIC_PORT: port = '4444',
  TLS_CERTIFICATE,
}: Partial<Record<SettingName, string>>) {
  // A port that is none is a problem of its own, and must not make a second one.
  return {
    ISSUER: `${TLS_CERTIFICATE ? 'https' : 'http'}://127.0.0.1:${form.port.safeParse(port).success ? port : 4444}`,
    SERVE_PUBLIC_HOST: '127.0.0.1',
    REQUIRE_HTTPS: 'false',
  }
}

/** Read by the command line when it talks to a running service; no settings of the service. */
export const CLIENT_VARIABLES = {
  URL: 'Public URL of the service',
  ADMIN_URL: 'URL of its admin port',
  CLIENT_ID: 'Client that the command line acts as (client_credentials)',
  CLIENT_SECRET: 'Secret of that client',
  CLIENT_SECRET_FILE: 'Path of a file that holds that secret, instead',
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsSchema.shape, name)
}

/** Whether the setting may also be given as NAME_FILE. */
export function isSecret(name: SettingName): boolean {
  return settingsSchema.shape[name].meta()?.['secret'] === true
}
