export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 2,
  timeout: '120s',
}
