import test from 'ava'
import { createLogger } from '../../shared/process/logger.ts'

/** What a terminal would show. */
function onTerminal(env: NodeJS.ProcessEnv = {}) {
  const lines: string[] = []
  const output = { isTTY: true, write: (text: string) => lines.push(text.replaceAll('\u001b', 'ESC')) }
  return { lines, logger: createLogger({ LOG_LEVEL: 'info' }, output, env) }
}

test('in a terminal a request is one short line, and a probe of health is none', (t) => {
  const { lines, logger } = onTerminal()
  logger.info({ method: 'GET', path: '/health/ready', status: 200, ms: 1 }, 'request')
  logger.info({ method: 'GET', path: '/version', status: 200, ms: 1 }, 'request')
  const refused = { status: 400, error: 'invalid_grant', reason: 'reuse', client_id: 'shop', request_id: 'x' }
  logger.info({ method: 'POST', path: '/oauth2/token', ms: 2.5, ...refused }, 'request')
  t.is(lines.length, 1)
  t.regex(lines[0] ?? '', /^\d\d:\d\d:\d\d POST \/oauth2\/token 400 2\.5 ms shop invalid_grant: reuse\n$/)
})

test('in a terminal warnings and errors are coloured, unless NO_COLOR says otherwise', (t) => {
  const { lines, logger } = onTerminal()
  logger.warn({ reason: 'the log is away' }, 'unavailable')
  t.regex(lines[0] ?? '', /^ESC\[33m\d\d:\d\d:\d\d warning unavailable {2}reason=the log is awayESC\[39m\n$/)
  const plain = onTerminal({ NO_COLOR: '1' })
  plain.logger.error({ stack: 'Error: x\n    at y' }, 'bug')
  t.regex(plain.lines[0] ?? '', /^\d\d:\d\d:\d\d ERROR bug {2}stack=Error: x\n {4}at y\n$/)
})

test('what somebody sent cannot steer the terminal', (t) => {
  const { lines, logger } = onTerminal()
  logger.info({ client_id: 'a\u001b[2Jb\u202ec', method: 'GET', path: '/', status: 200, ms: 1 }, 'request')
  t.regex(lines[0] ?? '', /a\?\[2Jb\?c/)
})
