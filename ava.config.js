import { env } from 'node:process'

// `npm test` compiles everything once for all of its files.
const compiled = env.TEST_LOADER

export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: compiled ? ['--enable-source-maps', `--import=${compiled}`] : ['--import=tsx'],
  concurrency: 2,
  timeout: '120s',
}
