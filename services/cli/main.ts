#!/usr/bin/env node
import { exitCodeOf, explain } from './exit.ts'
import { createProgram } from './program.ts'

// Whoever stops reading (`| head`) has read enough.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

try {
  const program = await createProgram(process.argv[2] ?? '')
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(exitCodeOf(error))
}
