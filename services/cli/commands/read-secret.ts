import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'
import { OperatorError } from '../../../shared/config/operator-error.ts'

/** All of stdin, but for a line end behind it. */
export async function readStdin(): Promise<string> {
  return (await text(process.stdin)).replace(/\r?\n$/, '')
}

/** What is typed, without showing it: asked for once the terminal no longer shows anything. `otherwise`: at its end. */
export async function askSecret(question: string, otherwise: string): Promise<string> {
  const { createInterface } = await import('node:readline')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output, terminal: true })
  process.stderr.write(question)
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('close', () => reject(new OperatorError(otherwise)))
  }).finally(() => {
    lines.close()
    process.stderr.write('\n')
  })
}
