import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

/**
 * Compiles services/ and shared/ for one run of the tests, with maps to their TypeScript lines, and gives the program of
 * the command line: it starts in a third of the time that its sources take. A folder of this run alone, which goes with
 * this process, so that nothing is ever older than what stands in the sources. Rejects for a file that cannot be compiled,
 * once that is told on stderr.
 */
export async function compileProgram(): Promise<string> {
  // As deep below the checkout as dist/ is.
  const folder = await mkdtemp(join(ROOT, '.compiled-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['services', 'shared'].flatMap(sourcesIn),
    outbase: '.',
    outdir: folder,
    bundle: true,
    plugins: [fileByFile],
    format: 'esm',
    platform: 'node',
    target: 'node20.20',
    sourcemap: true,
    sourcesContent: false,
  })
  return join(folder, 'services/cli/main.js')
}

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { encoding: 'utf8', recursive: true })
  return files.filter((file) => /(?<!\.d)\.tsx?$/.test(file)).map((file) => join(folder, file))
}

/** Each file stays a file, and imports the compiled one beside it. */
const fileByFile: Plugin = {
  name: 'file by file',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'entry-point'
        ? undefined
        : { path: path.startsWith('.') ? path.replace(/\.tsx?$/, '.js') : path, external: true },
    )
  },
}
