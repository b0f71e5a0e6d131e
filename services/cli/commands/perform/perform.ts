import { EXIT, OperatorError } from '../../../../shared/config/operator-error.ts'
import { readNamedFile } from '../../../../shared/config/secret-file.ts'
import { devAccess } from '../../connect/find-service.ts'
import { begin, discover, finish, refusalIn, type Tokens } from '../../oauth-client/authorization-code.ts'
import { askSecret, readStdin } from '../read-secret.ts'
import { type Callback, openCallback } from './callback.ts'
import { openBrowser } from './open-browser.ts'

export type Performing = {
  clientId: string
  clientSecretFile?: string
  issuer?: string
  scope?: string
  prompt?: string
  maxAge?: number
  redirectPort: number
  open: boolean
  /** Seconds. */
  timeout: number
}

/** Logs in with a browser on this machine, and answers the tokens. OperatorError with what kept it from that. */
export async function perform(performing: Performing): Promise<Tokens> {
  const { clientId: client_id, redirectPort } = performing
  const issuer = issuerOf(performing.issuer ?? process.env['LEDGER_URL'] ?? (await devAccess(process.env)).access.url)
  const client_secret = await secretOf(performing)
  const config = await discover({ issuer, client_id, client_secret }).catch(told(issuer))
  const callback = await openCallback(redirectPort)
  try {
    const begun = await begin(config, callback.redirect_uri, askedOf(performing))
    await show(begun.url, performing.open)
    return await within(performing.timeout, callback, begun.state, (answer) =>
      finish(config, answer, begun).catch(told(issuer)),
    )
  } finally {
    callback.close()
  }
}

function issuerOf(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return text
  throw new OperatorError('--issuer must be a URL', { exitCode: EXIT.usage })
}

async function secretOf({ clientSecretFile: file }: Performing): Promise<string | undefined> {
  if (file === undefined) return undefined
  if (file === '-') return process.stdin.isTTY ? askSecret('Client secret: ', 'there is no secret') : readStdin()
  const { text, problem } = readNamedFile(file)
  if (problem !== undefined) throw new OperatorError(`--client-secret-file: ${problem}`, { exitCode: EXIT.usage })
  return text
}

function askedOf({ scope, prompt, maxAge }: Performing): Record<string, string> {
  return {
    ...(scope !== undefined && { scope }),
    ...(prompt !== undefined && { prompt }),
    ...(maxAge !== undefined && { max_age: String(maxAge) }),
  }
}

/** On stderr: stdout is for the tokens. */
async function show(url: string, open: boolean): Promise<void> {
  const opened = open && (await openBrowser(url))
  const what = opened ? 'A browser opens. If it does not, open this address' : 'Open this address'
  process.stderr.write(`${what} on this machine:\n\n${url}\n\nwaiting for the answer …\n`)
}

async function within<T>(
  seconds: number,
  { answer }: Callback,
  state: string,
  handle: (answer: URL) => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    const error = new OperatorError(`no answer came within ${seconds} s`)
    timer = setTimeout(() => reject(error), seconds * 1000)
  })
  return Promise.race([answer(state, handle), late]).finally(() => clearTimeout(timer))
}

function told(issuer: string): (error: unknown) => never {
  return (error) => {
    const refusal = refusalIn(error)
    if (!refusal) throw error
    const exitCode = refusal.away ? EXIT.unreachable : EXIT.problem
    throw new OperatorError(`${issuer}: ${refusal.reason}`, { exitCode, cause: error })
  }
}
